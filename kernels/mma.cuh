// mma.cuh: dot products by the tensor cores, from clouds that split.cu has split into fp16.
//
// A split row is chunks of 128 bytes. With NP = 3 products a chunk has 32 dimensions, as fp16 "hi" and then the rest
// "lo": hi hi + hi lo + lo hi is a float32 product but for 2^-22 of it. With NP = 1 it has 64 dimensions, hi alone, of
// TF32's accuracy. Shared memory holds 128-byte rows whose 16-byte units are XORed with row % 8, which keeps copies and
// ldmatrix free of bank conflicts.
//
// Values, the right factor of weights times values, are split the same way with a power of two a column and one a row; a
// column of theirs lies along the keys, which ldmatrix transposes.
//
// The instructions are here alone, one function each; emu/matrix.h has the same functions for the emulation.
#pragma once
#include "kernel.cuh"

#ifdef __CUDACC__
DEV uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }
// volatile: nothing else orders a load of shared memory by ldmatrix against barriers.
DEV void ldmatrix4(uint32_t (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
	             : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
	             : "r"(shared_address(row))
	             : "memory");
}
DEV void ldmatrix4_trans(uint32_t (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
	             : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
	             : "r"(shared_address(row))
	             : "memory");
}
DEV void mma16816(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
	             : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEV void copy_async16(void *shared, const void *global) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
}
DEV void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> DEV void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory"); }
DEV float ex2_approx(float x) {
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}
// opaque returns its argument, of which the compiler forgets how it was made.
template <class T> DEV const T *opaque(const T *p) {
	asm volatile("" : "+l"(p));
	return p;
}
DEV int opaque(int x) {
	asm volatile("" : "+r"(x));
	return x;
}
DEV uint32_t pack_half2(float low, float high) {
	uint32_t r;
	asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
	return r;
}
DEV void unpack_half2(uint32_t r, float &low, float &high) {
	asm("{.reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}" : "=f"(low), "=f"(high) : "r"(r));
}
#endif

// exponent_of returns e with |x| in [2^(e-1), 2^e).
DEV int exponent_of(float x) {
	int e;
	frexpf(x, &e);
	return x == 0 ? 0 : e;
}

constexpr int VALUE_TOP = 15;  // the largest value of a column lies below 2^15
constexpr int VALUE_MOST = 80; // rows of values are scaled up by this at most: sums of weights stay in range

// column_exponent returns the exponent of a column's largest value, from its bits.
DEV int column_exponent(uint32_t extent) { return exponent_of(__uint_as_float(extent)); }

constexpr int ROW_BYTES = SPLIT_CHUNK; // of a chunk in shared memory
constexpr int BLOCK16 = 16 * ROW_BYTES, BLOCK8 = 8 * ROW_BYTES;

// copy_rows starts the copy of one chunk of ROWS rows, stride bytes apart, by THREADS threads.
template <int THREADS, int ROWS> DEV void copy_rows(uint8_t *to, const uint8_t *from, int64_t stride, int thread) {
	static_assert(ROWS * 8 % THREADS == 0, "every thread copies as much");
#pragma unroll
	for (int i = 0; i < ROWS * 8 / THREADS; i++) {
		const int unit = thread + i * THREADS, row = unit >> 3, u = unit & 7;
		copy_async16(to + row * ROW_BYTES + ((u ^ (row & 7)) << 4), from + row * stride + u * 16);
	}
}

// TileCopy copies CHUNKS chunks of ROWS rows to shared memory, chunk by chunk. All of a thread's addresses lie at fixed
// distances from its first, that of a unit of 16 bytes.
template <int THREADS, int ROWS, int CHUNKS> struct TileCopy {
	static_assert(THREADS % 64 == 0 && ROWS * 8 % THREADS == 0, "a thread's rows are all swizzled alike");
	uint32_t row, unit;
	DEV TileCopy(uint32_t thread) : row(thread / 8), unit(thread % 8) {}
	// from returns where the thread begins among rows from first on, stride bytes apart, and to where in shared memory.
	DEV uint64_t from(uint32_t first, uint64_t stride) const { return (first + row) * stride + unit * 16; }
	DEV int to() const { return row * ROW_BYTES + ((unit ^ (row & 7)) << 4); }
	// start copies from there to there.
	static DEV void start(uint8_t *to, Global<const uint8_t> from, int64_t stride) {
#pragma unroll
		for (int c = 0; c < CHUNKS; c++)
#pragma unroll
			for (int i = 0; i < ROWS; i += THREADS / 8) copy_async16(to + (c * ROWS + i) * ROW_BYTES, from + (i * stride + c * SPLIT_CHUNK));
	}
};

// Lane has where this lane reads for ldmatrix: rows_at for 16 rows by 16 dimensions of queries, keys_at for 16 keys by 16
// dimensions, from the given 16-byte unit on, which is even.
struct Lane {
	int rows, keys;
	DEV Lane(int lane)
		: rows((lane & 15) * ROW_BYTES + (((lane >> 4) ^ (lane & 7)) << 4)), keys(((lane & 7) + (lane >> 4 << 3)) * ROW_BYTES + (((lane >> 3 & 1) ^ (lane & 7)) << 4)) {}
	DEV int rows_at(int unit) const { return rows ^ unit << 4; }
	DEV int keys_at(int unit) const { return keys ^ unit << 4; }
	// beyond returns where the lane reads what lies so many bytes further on, whole rows.
	DEV Lane beyond(int of_rows, int of_keys) const {
		Lane to = *this;
		to.rows = opaque(to.rows + of_rows), to.keys = opaque(to.keys + of_keys); // or distances from there were no part of an instruction
		return to;
	}
};

// clear sets accumulators to zero.
template <int WM, int WN> DEV void clear(float (&acc)[WM][WN][4]) {
#pragma unroll
	for (int i = 0; i < WM; i++)
#pragma unroll
		for (int j = 0; j < WN; j++)
#pragma unroll
			for (int v = 0; v < 4; v++) acc[i][j][v] = 0;
}

// multiply16 adds products over 16 dimensions of 16 WM rows with 16 columns.
template <int WM> DEV void multiply16(float (&sum)[WM][2][4], const uint32_t (&a)[WM][4], const uint32_t (&b)[4]) {
#pragma unroll
	for (int i = 0; i < WM; i++)
#pragma unroll
		for (int h = 0; h < 2; h++) mma16816(sum[i][h], a[i], b[2 * h], b[2 * h + 1]);
}

// Fragments holds 16 WM queries by 16 dimensions in registers.
template <int NP, int WM> struct Fragments {
	uint32_t hi[WM][4], lo[NP == 3 ? WM : 1][4];

	// load reads dimensions 16 t on of a chunk.
	DEV void load(const uint8_t *q, int t, const Lane &lane) {
#pragma unroll
		for (int i = 0; i < WM; i++) {
			ldmatrix4(hi[i], q + i * BLOCK16 + lane.rows_at(2 * t));
			if constexpr (NP == 3) ldmatrix4(lo[i], q + i * BLOCK16 + lane.rows_at(4 + 2 * t));
		}
	}

	// add_small adds lo hi and hi lo with 16 keys to sum, and leaves their hi in khi for add_large. The tensor cores cut their
	// sums off: the small products come first.
	DEV void add_small(float (&sum)[WM][2][4], uint32_t (&khi)[4], const uint8_t *k, int t, const Lane &lane) const {
		ldmatrix4(khi, k + lane.keys_at(2 * t));
		if constexpr (NP == 3) {
			uint32_t klo[4];
			ldmatrix4(klo, k + lane.keys_at(4 + 2 * t));
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int h = 0; h < 2; h++) mma16816(sum[i][h], lo[i], khi[2 * h], khi[2 * h + 1]);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int h = 0; h < 2; h++) mma16816(sum[i][h], hi[i], klo[2 * h], klo[2 * h + 1]);
		}
	}
	DEV void add_large(float (&sum)[WM][2][4], const uint32_t (&khi)[4]) const {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) mma16816(sum[i][h], hi[i], khi[2 * h], khi[2 * h + 1]);
	}
};

template <int NP> constexpr int STEPS = NP == 3 ? 2 : 4; // of 16 dimensions in a chunk

// multiply_chunk sets sum to the products of a chunk of queries with 16 keys.
template <int NP, int WM> DEV void multiply_chunk(float (&sum)[WM][2][4], const Fragments<NP, WM> (&q)[STEPS<NP>], const uint8_t *k, const Lane &lane) {
	uint32_t khi[STEPS<NP>][4];
	clear(sum);
#pragma unroll
	for (int t = 0; t < STEPS<NP>; t++) q[t].add_small(sum, khi[t], k, t, lane);
#pragma unroll
	for (int t = 0; t < STEPS<NP>; t++) q[t].add_large(sum, khi[t]);
}

// multiply sets acc to the products of queries of DC chunks with 8 WN keys, whose chunks are chunk_bytes apart. What the
// tensor cores have summed over a chunk is added up rounded.
template <int NP, int DC, int WM, int WN>
DEV void multiply(float (&acc)[WM][WN][4], const Fragments<NP, WM> (&q)[DC][STEPS<NP>], const uint8_t *k, int chunk_bytes, const Lane &lane) {
#pragma unroll
	for (int j = 0; j < WN; j += 2)
#pragma unroll
		for (int c = 0; c < DC; c++) {
			float sum[WM][2][4];
			multiply_chunk(sum, q[c], k + c * chunk_bytes + j * BLOCK8, lane);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int v = 0; v < 8; v++) {
					float &to = acc[i][j + (v >> 2)][v & 3];
					to = c ? to + sum[i][v >> 2][v & 3] : sum[i][v >> 2][v & 3];
				}
		}
}

// multiply_high is multiply for three products with the queries' hi alone in registers; q has both in shared memory, its
// chunks q_bytes apart. What the tensor cores have summed over RUN chunks is added up rounded.
template <int RUN, int N, int WM, int WN>
DEV void multiply_high(float (&acc)[WM][WN][4], const uint32_t (&hi)[N][WM][4], const uint8_t *q, int q_bytes, const uint8_t *k, int chunk_bytes, const Lane &lane) {
	static_assert(N % (2 * RUN) == 0, "whole runs");
#pragma unroll
	for (int j = 0; j < WN; j += 2)
#pragma unroll
		for (int t0 = 0; t0 < N; t0 += 2 * RUN) {
			float sum[WM][2][4];
			uint32_t khi[2 * RUN][4];
			clear(sum);
#pragma unroll
			for (int t = t0; t < t0 + 2 * RUN; t++) {
				const uint8_t *at = k + t / 2 * chunk_bytes + j * BLOCK8;
				uint32_t klo[4], lo[WM][4];
				ldmatrix4(khi[t - t0], at + lane.keys_at(t % 2 * 2));
				ldmatrix4(klo, at + lane.keys_at(4 + t % 2 * 2));
#pragma unroll
				for (int i = 0; i < WM; i++) ldmatrix4(lo[i], q + t / 2 * q_bytes + i * BLOCK16 + lane.rows_at(4 + t % 2 * 2));
				multiply16(sum, lo, khi[t - t0]);
				multiply16(sum, hi[t], klo);
			}
#pragma unroll
			for (int t = t0; t < t0 + 2 * RUN; t++) multiply16(sum, hi[t], khi[t - t0]);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int v = 0; v < 8; v++) {
					float &to = acc[i][j + (v >> 2)][v & 3];
					to = t0 ? to + sum[i][v >> 2][v & 3] : sum[i][v >> 2][v & 3];
				}
		}
}

// multiply_streaming adds the products with one chunk, read from shared memory on both sides, to acc, which has the keys in
// SETS sets of 8 WN.
template <int NP, int SETS, int WM, int WN>
DEV void multiply_streaming(float (&acc)[SETS][WM][WN][4], const uint8_t *q, const uint8_t *k, const Lane &lane) {
	Fragments<NP, WM> part[STEPS<NP>];
#pragma unroll
	for (int t = 0; t < STEPS<NP>; t++) part[t].load(q, t, lane);
#pragma unroll
	for (int s = 0; s < SETS; s++)
#pragma unroll
		for (int j = 0; j < WN; j += 2) {
			float sum[WM][2][4];
			multiply_chunk(sum, part, k + (s * WN + j) * BLOCK8, lane);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int v = 0; v < 8; v++) acc[s][i][j + (v >> 2)][v & 3] += sum[i][v >> 2][v & 3];
		}
}

// SplitWeights are the left factor of weights times values, 16 WM rows by 16 KS keys, as hi + lo of fp16.
template <int KS, int WM> struct SplitWeights {
	uint32_t hi[KS][WM][4], lo[KS][WM][4];

	// split takes weights from the places of an accumulator, which are those of the left factor.
	DEV void split(const float (&x)[WM][2 * KS][4]) {
#pragma unroll
		for (int t = 0; t < KS; t++)
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int v = 0; v < 4; v++) {
					const float a = x[i][2 * t + (v >> 1)][2 * (v & 1)], b = x[i][2 * t + (v >> 1)][2 * (v & 1) + 1];
					float ha, hb;
					hi[t][i][v] = pack_half2(a, b);
					unpack_half2(hi[t][i][v], ha, hb);
					lo[t][i][v] = pack_half2(a - ha, b - hb);
				}
	}

	// multiply adds the products with values, rows of keys whose chunks of 32 columns are chunk_bytes apart, to out. What the
	// tensor cores have summed is added up rounded.
	template <int W> DEV void multiply(float (&out)[WM][W][4], const uint8_t *values, int chunk_bytes, const Lane &lane) const {
#pragma unroll
		for (int j = 0; j < W; j += 2) { // 16 columns
			__syncwarp(); // or ptxas would load the values of all columns at once, and spill
			const uint8_t *v = values + j / 4 * chunk_bytes;
			float sum[WM][2][4];
			uint32_t vhi[KS][4], vlo[4];
			clear(sum);
#pragma unroll
			for (int t = 0; t < KS; t++) {
				ldmatrix4_trans(vhi[t], v + t * BLOCK16 + lane.rows_at(j & 2));
				ldmatrix4_trans(vlo, v + t * BLOCK16 + lane.rows_at(4 + (j & 2)));
				multiply16(sum, lo[t], vhi[t]);
				multiply16(sum, hi[t], vlo);
			}
#pragma unroll
			for (int t = 0; t < KS; t++) multiply16(sum, hi[t], vhi[t]);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int v = 0; v < 8; v++) out[i][j + (v >> 2)][v & 3] += sum[i][v >> 2][v & 3];
		}
	}
};
