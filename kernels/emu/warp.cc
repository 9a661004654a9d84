//go:build emu && cgo

// warp.cc: what the lanes of a warp do together.
#include <math.h>
#include <string.h>

#include "block.h"

namespace emu {
static const char *const names[] = {"__syncwarp", "a shuffle", "a vote", "a match", "ldmatrix", "mma", "wgmma.fence", "wgmma", "wgmma.commit_group", "wgmma.wait_group"};

namespace {
// Halves are all fp16 numbers as float32.
struct Halves {
	float value[1 << 16];
	Halves() {
		for (int i = 0; i < 1 << 16; i++) {
			const int e = i >> 10 & 31, f = i & 1023;
			const float v = e == 31 ? (f ? NAN : INFINITY) : e ? ldexpf(1024 + f, e - 25) : ldexpf(f, -24);
			value[i] = i >> 15 ? -v : v;
		}
	}
};
} // namespace

const float *halves() {
	static const Halves *h = new Halves;
	return h->value;
}

// What is known of the tensor cores: the sum of 16 products and the accumulator is cut to 24 bits.
float toward_zero(double x) {
	const float f = (float)x;
	return fabs(f) > fabs(x) ? nextafterf(f, 0) : f;
}

namespace {
void load_matrices(MatrixLoad *const (&part)[warpSize]) {
	for (int l = 0; l < warpSize; l++)
		for (int i = 0; i < 4; i++) {
			uint16_t h[2];
			for (int v = 0; v < 2; v++) {
				const int pair = 2 * (l & 3) + v;
				const int row = part[l]->trans ? pair : l >> 2, column = part[l]->trans ? l >> 2 : pair;
				memcpy(&h[v], static_cast<const uint8_t *>(part[8 * i + row]->row) + 2 * column, 2);
			}
			memcpy(&part[l]->r[i], h, 4);
		}
}

void multiply_matrices(MatrixProduct *const (&part)[warpSize]) {
	const float *const half = halves();
	double a[16][16], b[16][8], d[16][8]; // exact but for sums over more than 53 bits
	for (int l = 0; l < warpSize; l++)
		for (int v = 0; v < 2; v++) {
			const int g = l >> 2, k = 2 * (l & 3) + v;
			for (int q = 0; q < 4; q++) a[g + 8 * (q & 1)][k + 8 * (q >> 1)] = half[part[l]->a[q] >> 16 * v & 0xffff];
			for (int q = 0; q < 2; q++) {
				b[k + 8 * q][g] = half[part[l]->b[q] >> 16 * v & 0xffff];
				d[g + 8 * q][k] = part[l]->d[2 * q + v];
			}
		}
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			for (int j = 0; j < 8; j++) d[i][j] += a[i][k] * b[k][j];
	for (int l = 0; l < warpSize; l++)
		for (int v = 0; v < 4; v++) part[l]->d[v] = toward_zero(d[(l >> 2) + 8 * (v >> 1)][2 * (l & 3) + (v & 1)]);
}
} // namespace

void Worker::matrix(Op op, void *part, Place place) {
	if (op == MATRIX_LOAD) {
		const uintptr_t row = reinterpret_cast<uintptr_t>(static_cast<MatrixLoad *>(part)->row);
		if (row - reinterpret_cast<uintptr_t>(arena) >= arena_bytes) fail(ILLEGAL_ADDRESS, "gives ldmatrix at %s:%d the address %#zx, which is no shared memory", place.file, place.line, (size_t)row);
		access(row, 16, READ, 16);
	}
	warp(op, ~0u, reinterpret_cast<uint64_t>(part), 0, place);
}

uint64_t Worker::warp(Op op, uint32_t mask, uint64_t value, int from, Place place) {
	Warp &w = warps[self->warp];
	const uint32_t bit = 1u << self->lane, asked = mask;
	mask &= w.lanes;
	if (!(mask & bit)) fail(LAUNCH_FAILED, "calls %s at %s:%d with the mask %#x, which its lane %d is not in", names[op], place.file, place.line, asked, self->lane);
	const int slot = __builtin_ctz(mask);
	Gathering &g = w.open[slot];
	if (!g.arrived) {
		if (w.gathered & mask)
			fail(LAUNCH_FAILED, "calls %s at %s:%d with the mask %#x while some of those lanes wait with another mask", names[op], place.file, place.line, asked);
		g = {op, mask, 0, place};
		w.gathered |= mask;
	} else if (g.op != op || g.mask != mask) {
		fail(LAUNCH_FAILED, "calls %s at %s:%d with the mask %#x while other lanes wait in %s at %s:%d with the mask %#x", names[op], place.file, place.line, asked,
		     names[g.op], g.place.file, g.place.line, g.mask);
	}
	g.arrived |= bit;
	self->value = value, self->from = from;
	if (g.arrived == (g.mask & ~w.exited)) {
		finish(self->warp, slot);
	} else {
		self->at_warp = true, self->place = place;
		wait();
	}
	return self->result;
}

void Worker::finish(int warp, int slot) {
	Warp &w = warps[warp];
	Gathering &g = w.open[slot];
	Thread *const t = of(warp, 0);
	const uint32_t lanes = g.arrived;
	if (g.op >= MATRIX_LOAD && lanes != ~0u) {
		self = &t[__builtin_ctz(lanes)];
		fail(LAUNCH_FAILED, "comes to %s at %s:%d with the lanes %#x alone", names[g.op], g.place.file, g.place.line, lanes);
	}
	switch (g.op) {
	case SYNC: {
		uint32_t known[warpSize] = {};
		w.time++;
		for (uint32_t m = lanes; m; m &= m - 1)
			for (int u = 0; u < warpSize; u++) known[u] = max(known[u], t[__builtin_ctz(m)].known[u]);
		for (uint32_t m = lanes; m; m &= m - 1) known[__builtin_ctz(m)] = w.time;
		for (uint32_t m = lanes; m; m &= m - 1) {
			Thread &x = t[__builtin_ctz(m)];
			memcpy(x.known, known, sizeof known), x.clock = w.time;
		}
		break;
	}
	case SHUFFLE:
		for (uint32_t m = lanes; m; m &= m - 1) {
			Thread &x = t[__builtin_ctz(m)];
			if (!(lanes >> x.from & 1)) {
				self = &x;
				fail(LAUNCH_FAILED, "reads lane %d in the shuffle at %s:%d, in which that lane has no part (mask %#x)", x.from, g.place.file, g.place.line, g.mask);
			}
			x.result = t[x.from].value;
		}
		break;
	case VOTE: {
		uint32_t votes = 0;
		for (uint32_t m = lanes; m; m &= m - 1) votes |= (uint32_t)(t[__builtin_ctz(m)].value != 0) << __builtin_ctz(m);
		for (uint32_t m = lanes; m; m &= m - 1) t[__builtin_ctz(m)].result = votes;
		break;
	}
	case MATCH:
		for (uint32_t m = lanes; m; m &= m - 1) {
			Thread &x = t[__builtin_ctz(m)];
			x.result = 0;
			for (uint32_t n = lanes; n; n &= n - 1) x.result |= (uint64_t)(t[__builtin_ctz(n)].value == x.value) << __builtin_ctz(n);
		}
		break;
	case MATRIX_LOAD: {
		MatrixLoad *part[warpSize];
		for (int l = 0; l < warpSize; l++) part[l] = reinterpret_cast<MatrixLoad *>(t[l].value);
		load_matrices(part);
		break;
	}
	case MATRIX_PRODUCT: {
		MatrixProduct *part[warpSize];
		for (int l = 0; l < warpSize; l++) part[l] = reinterpret_cast<MatrixProduct *>(t[l].value);
		multiply_matrices(part);
		break;
	}
	case GROUP_FENCE: case GROUP_PRODUCT: case GROUP_COMMIT: case GROUP_WAIT: group(g.op, warp);
	}
	for (uint32_t m = lanes; m; m &= m - 1) t[__builtin_ctz(m)].at_warp = false;
	w.gathered &= ~g.mask;
	g.arrived = 0;
	wake(warp, lanes);
}
} // namespace emu

void mongeEmuMatrix(emu::Op op, void *part, const char *file, int line) { emu::current->matrix(op, part, {file, line}); }
