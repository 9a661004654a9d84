// reduce.cu: each problem to one number, in float64 with compensation, in a fixed order.
#include "stream.cuh"

// Sum is a sum with what its roundings lost (Neumaier 1974).
struct Sum {
	double sum, rest;
};

DEV void add(Sum &s, double x) {
	const double t = s.sum + x;
	s.rest += fabs(s.sum) >= fabs(x) ? (s.sum - t) + x : (x - t) + s.sum;
	s.sum = t;
}

enum { REDUCE_SUM, REDUCE_DOT, REDUCE_SUM_ABS_DIFF, REDUCE_MAX_ABS }; // engine.ReduceOp

// join takes the result of further numbers into s.
DEV void join(Sum &s, Sum more, int64_t op) {
	if (op == REDUCE_MAX_ABS) {
		if (more.sum > s.sum || isnan(more.sum)) s.sum = more.sum;
		return;
	}
	add(s, more.sum);
	s.rest += more.rest;
}

// join_block joins the threads' results in a fixed tree; thread 0 has the result. All threads call it.
DEV Sum join_block(Sum s, int64_t op) {
	SHARED(double, sums, ELEMENT_THREADS);
	SHARED(double, rests, ELEMENT_THREADS);
	const int t = threadIdx.x;
	sums[t] = s.sum;
	rests[t] = s.rest;
	for (int half = ELEMENT_THREADS / 2; half > 0; half /= 2) {
		__syncthreads();
		if (t < half) {
			join(s, Sum{sums[t + half], rests[t + half]}, op);
			sums[t] = s.sum;
			rests[t] = s.rest;
		}
	}
	return s;
}

// reduce_parts reduces a chunk of one problem a block.
template <class T> DEV void reduce_parts(const reduce_params &p) {
	const int64_t chunks = ceil_div(p.n, REDUCE_CHUNK), b = block_id() / chunks, c = block_id() % chunks;
	const int64_t first = b * p.n + c * REDUCE_CHUNK, left = p.n - c * REDUCE_CHUNK;
	const int64_t count = left < REDUCE_CHUNK ? left : (int64_t)REDUCE_CHUNK;
	constexpr int V = Vec<T>::SIZE;
	const bool two = p.op == REDUCE_DOT || p.op == REDUCE_SUM_ABS_DIFF;
	Global<const T> x = global<const T>(p.x) + first, y = two ? global<const T>(p.y) + first : x;
	const bool vec = aligned<T>(x, 0) && aligned<T>(y, 0);
	Sum s = {0, 0};
#pragma unroll 4
	for (int64_t i = V * threadIdx.x; i < count; i += V * ELEMENT_THREADS) {
		const Vec<T> a = read(x + i, vec, count - i);
		Vec<T> b = a;
		if (two) b = read(y + i, vec, count - i);
#pragma unroll
		for (int e = 0; e < V; e++) { // past the end there are zeros, which change nothing
			const double v = a.at[e];
			if (p.op == REDUCE_SUM) {
				add(s, v);
			} else if (p.op == REDUCE_DOT) {
				if (v != 0) add(s, v * (double)b.at[e]);
			} else if (p.op == REDUCE_SUM_ABS_DIFF) {
				add(s, fabs(v - (double)b.at[e]));
			} else {
				join(s, Sum{fabs(v), 0}, p.op);
			}
		}
	}
	s = join_block(s, p.op);
	if (threadIdx.x == 0) {
		Global<double> parts = global<double>(p.parts) + 2 * block_id();
		parts[0] = s.sum;
		parts[1] = s.rest;
	}
}

// reduce_merge joins the chunks of one problem a block.
template <class T> DEV void reduce_merge(const reduce_params &p) {
	const int64_t chunks = ceil_div(p.n, REDUCE_CHUNK);
	Global<const double> parts = global<const double>(p.parts) + 2 * block_id() * chunks;
	Sum s = {0, 0};
	for (int64_t c = threadIdx.x; c < chunks; c += ELEMENT_THREADS) join(s, Sum{parts[2 * c], parts[2 * c + 1]}, p.op);
	s = join_block(s, p.op);
	if (threadIdx.x == 0) {
		// Beside an infinity the rest is NaN.
		const bool finite = !isinf(s.sum) && !isnan(s.sum);
		global<T>(p.out)[block_id()] = (T)(finite ? s.sum + s.rest : s.sum);
	}
}

KERNEL(reduce_parts_f64, reduce_params, ELEMENT_THREADS) { reduce_parts<double>(p); }
KERNEL(reduce_parts_f32, reduce_params, ELEMENT_THREADS) { reduce_parts<float>(p); }
KERNEL(reduce_merge_f64, reduce_params, ELEMENT_THREADS) { reduce_merge<double>(p); }
KERNEL(reduce_merge_f32, reduce_params, ELEMENT_THREADS) { reduce_merge<float>(p); }
