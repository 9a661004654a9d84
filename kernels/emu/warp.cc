//go:build emu && cgo

// warp.cc: what the lanes of a warp do together.
#include <string.h>

#include "block.h"

namespace emu {
uint64_t Worker::warp(Op op, uint32_t mask, uint64_t value, int from, Place place) {
	static const char *const names[] = {"__syncwarp", "a shuffle", "a vote", "a match"};
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
	}
	for (uint32_t m = lanes; m; m &= m - 1) t[__builtin_ctz(m)].at_warp = false;
	w.gathered &= ~g.mask;
	g.arrived = 0;
	wake(warp, lanes);
}
} // namespace emu
