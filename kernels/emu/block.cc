//go:build emu && cgo

// block.cc: threads of a block taking turns.
#include "block.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "switch.h"

namespace emu {
thread_local Worker *current;

static void *map(size_t bytes) {
	void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("emu: memory for the threads of a block");
		abort();
	}
	return p;
}

Worker::Worker()
	: stacks(static_cast<uint8_t *>(map(max_threads * stack_bytes))), arena(static_cast<uint8_t *>(map(arena_bytes))), threads(max_threads), copies(max_threads), underway(0), copied(false), products(max_warps), flying(0), multiplied(false) {
	const size_t guard = sysconf(_SC_PAGESIZE);
	for (int i = 0; i < max_threads; i++) mprotect(stacks + i * stack_bytes, guard, PROT_NONE);
	shadow.reserve(arena_bytes);
}

Worker::~Worker() {
	munmap(stacks, max_threads * stack_bytes);
	munmap(arena, arena_bytes);
}

Fault Worker::run(const Launch &l) {
	launch = &l;
	fault = {};
	current = this;
	for (block_id.z = 0; block_id.z < l.grid.z && !fault.status; block_id.z++)
		for (block_id.y = 0; block_id.y < l.grid.y && !fault.status; block_id.y++)
			for (block_id.x = 0; block_id.x < l.grid.x && !fault.status; block_id.x++) run_block();
	current = nullptr;
	return fault;
}

static void enter() { current->start(); }

void Worker::run_block() {
	const dim3 d = launch->block;
	count = d.x * d.y * d.z, warp_count = (count + warpSize - 1) / warpSize;
	memset(warps, 0, warp_count * sizeof(Warp));
	memset(static_cast<void *>(threads.data()), 0, count * sizeof(Thread));
	const size_t guard = sysconf(_SC_PAGESIZE);
	uint3 id = {0, 0, 0};
	for (int i = 0; i < count; i++) {
		Thread &t = threads[i];
		t.index = i, t.warp = i / warpSize, t.lane = i % warpSize, t.id = id;
		warps[t.warp].lanes |= 1u << t.lane;
		// Stacks begin at different places of their pages: else all would share a few lines of the caches.
		t.stack_pointer = new_stack(stacks + i * stack_bytes + guard, stack_bytes - guard - i * 272 % 8192, enter);
		if (++id.x == d.x) {
			id.x = 0;
			if (++id.y == d.y) id.y = 0, id.z++;
		}
	}
	ready = 0;
	for (int w = 0; w < warp_count; w++) warps[w].runnable = warps[w].lanes, ready |= 1u << w;
	arrived = exited = 0, phase = 0, idle_yields = 0;
	arrays.clear(), shared_end = 0;
	if (copied)
		for (Copies &c : copies) c = {};
	copied = false;
	if (underway) std::fill(shadow.coming.begin(), shadow.coming.end(), 0);
	underway = 0;
	if (multiplied)
		for (Products &x : products) x = {};
	multiplied = false, proxy_fences = 0;
	if (flying) std::fill(shadow.reading.begin(), shadow.reading.end(), 0);
	flying = 0;
	if (++shadow.block == 0) shadow.forget();
	if (launch->dynamic) add_array(&launch->dynamic, launch->dynamic, 1024, "dynamic");
	self = &threads[0];
	mongeEmuSwapStack(&home, self->stack_pointer);
	if (!fault.status && exited < count) stalled();
	if (!fault.status && multiplied) check_groups();
}

void Worker::start() {
	launch->kernel->call(launch->params);
	Warp &w = warps[self->warp];
	self->exited = true, exited++;
	w.exited |= 1u << self->lane;
	// Those who wait for this thread in a warp operation wait no longer.
	for (uint32_t g = w.gathered; g; g &= g - 1) {
		const int slot = __builtin_ctz(g);
		if (w.open[slot].arrived && w.open[slot].arrived == (w.open[slot].mask & ~w.exited)) finish(self->warp, slot);
	}
	wait();
	abort(); // nobody makes an exited thread runnable
}

Thread *Worker::next(bool in_turn) {
	const int at = self->warp;
	const uint32_t own = warps[at].runnable, later = own & (~1u << self->lane);
	if (later) return of(at, __builtin_ctz(later));
	if (own && !in_turn) return of(at, __builtin_ctz(own));
	const uint32_t after = at == 31 ? 0 : ready & (~0u << (at + 1));
	const uint32_t from = after ? after : ready;
	if (!from) return nullptr;
	const int w = __builtin_ctz(from);
	return of(w, __builtin_ctz(warps[w].runnable));
}

void Worker::switch_to(Thread *t) {
	Thread *me = self;
	if (t == me) return;
	self = t;
	mongeEmuSwapStack(&me->stack_pointer, t ? t->stack_pointer : home);
}

void Worker::wait() {
	Warp &w = warps[self->warp];
	w.runnable &= ~(1u << self->lane);
	if (!w.runnable) ready &= ~(1u << self->warp);
	idle_yields = 0;
	switch_to(next(false));
}

void Worker::yield() {
	Thread *t = next(true);
	if (++idle_yields > 100000000u) fail(LAUNCH_FAILED, "waits for something that no other thread does");
	switch_to(t);
}

void Worker::wake(int warp, uint32_t lanes) {
	warps[warp].runnable |= lanes;
	if (lanes) ready |= 1u << warp;
}

int Worker::barrier(int p, Place place) {
	int &votes = barrier_votes[phase & 1]; // nobody comes to the barrier after next before all have left this one
	if (arrived == 0)
		barrier_place = place, votes = 0;
	else if (place.line != barrier_place.line || (place.file != barrier_place.file && strcmp(place.file, barrier_place.file)))
		fail(LAUNCH_FAILED, "comes to the barrier at %s:%d while others wait at the one at %s:%d", place.file, place.line, barrier_place.file,
		     barrier_place.line);
	votes += p;
	if (++arrived < count) {
		Thread *me = self;
		me->at_barrier = true, me->place = place;
		wait();
		me->at_barrier = false;
		return votes;
	}
	for (int w = 0; w < warp_count; w++) wake(w, warps[w].lanes);
	arrived = 0, phase++;
	return votes;
}

void Worker::stalled() {
	const Thread *absent = nullptr; // the first that does not wait at the block's barrier
	self = nullptr;
	for (int i = 0; i < count; i++) {
		Thread &t = threads[i];
		if (!t.exited && !self) self = &t;
		if (!t.at_barrier && !absent) absent = &t;
	}
	if (!arrived) { // only warp operations: self waits in one
		const Warp &w = warps[self->warp];
		uint32_t missing = 0;
		for (const Gathering &g : w.open)
			if (g.arrived >> self->lane & 1) missing = g.mask & ~w.exited & ~g.arrived;
		report(LAUNCH_FAILED, "waits at %s:%d for lanes %#x of its warp, which wait elsewhere", self->place.file, self->place.line, missing);
		return;
	}
	for (int i = 0; i < count; i++)
		if (threads[i].at_barrier) {
			self = &threads[i];
			break;
		}
	char where[256];
	if (absent->exited)
		snprintf(where, sizeof where, "has returned");
	else
		snprintf(where, sizeof where, "waits at %s:%d", absent->place.file, absent->place.line);
	report(LAUNCH_FAILED, "waits at the barrier at %s:%d, which %d of %d threads have reached; thread (%u, %u, %u) %s", self->place.file, self->place.line, arrived, count,
	       absent->id.x, absent->id.y, absent->id.z, where);
}

void Worker::report(int status, const char *format, ...) {
	va_list a;
	va_start(a, format);
	vreport(status, format, a);
	va_end(a);
}

void Worker::vreport(int status, const char *format, va_list a) {
	char head[256], text[1024];
	snprintf(head, sizeof head, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u): ", launch->kernel->name, block_id.x, block_id.y, block_id.z, self->id.x, self->id.y, self->id.z);
	vsnprintf(text, sizeof text, format, a);
	fault.status = status, fault.text = std::string(head) + text;
}

void Worker::fail(int status, const char *format, ...) {
	va_list a;
	va_start(a, format);
	vreport(status, format, a);
	va_end(a);
	void *here;
	mongeEmuSwapStack(&here, home); // the block is given up
	abort();
}
} // namespace emu

using namespace emu;
// What the kernels call.
uint3 mongeEmuThreadIdx() { return current->self->id; }
uint3 mongeEmuBlockIdx() { return current->block_id; }
dim3 mongeEmuBlockDim() { return current->launch->block; }
dim3 mongeEmuGridDim() { return current->launch->grid; }
int mongeEmuLane() { return current->self->lane; }
int mongeEmuBarrier(int p, const char *file, int line) { return current->barrier(p, {file, line}); }
uint64_t mongeEmuWarp(Op op, unsigned mask, uint64_t value, int from, const char *file, int line) { return current->warp(op, mask, value, from, {file, line}); }
void mongeEmuProxyFence() { current->proxy_fence(); }
uint32_t mongeEmuSharedAddress(const void *p) { return current->shared_address(p); }
void mongeEmuYield() { current->yield(); }
void mongeEmuTrap(const char *what, const char *file, int line) {
	if (what) current->fail(ASSERT, "the assertion %s fails at %s:%d", what, file, line);
	current->fail(ILLEGAL_INSTRUCTION, "traps at %s:%d", file, line);
}
