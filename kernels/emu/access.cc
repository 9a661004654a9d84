//go:build emu && cgo

// access.cc: the check of every load and store of a kernel.
#include <string.h>

#include "block.h"
#include "buffers.h"

// The program's image, from the linker: reads of constants there are well.
extern "C" char __executable_start __attribute__((weak)), _end __attribute__((weak));

namespace emu {
static const char *const verbs[] = {"reads", "writes", "updates"};

// read_before does what check_shared does for whole words that were written before the last barrier, the case of nearly
// every read, and else returns false.
inline bool Worker::read_before(size_t offset, size_t bytes) {
	if ((offset | bytes) & 3) return false;
	const uint32_t lane = 1u << self->lane;
	Cell *const end = &shadow.words[0] + (offset + bytes) / 4;
	for (Cell *c = &shadow.words[0] + offset / 4; c < end; c++) {
		if (c->block != shadow.block || c->split || !c->write.lanes || c->write.phase == phase) return false;
		Stamp &r = c->read;
		if (r.phase != phase || !r.lanes)
			r = {phase, self->clock, lane, (uint16_t)self->warp, false, false};
		else if (r.several)
			continue;
		else if (r.warp != self->warp)
			r.several = true;
		else if (r.time == self->clock)
			r.lanes |= lane;
		else
			return false;
	}
	return true;
}

inline void Worker::access(uintptr_t at, size_t bytes, Access kind, size_t align) {
	if (own_stack(at)) {
		if (flying) check_accumulators(at, kind);
		if (!(at & (align - 1))) return;
	}
	const size_t offset = at - reinterpret_cast<uintptr_t>(arena);
	if (at & (align - 1)) {
		check_place(at, bytes, kind);
		fail(MISALIGNED_ADDRESS, "%s %zu bytes at %#zx, which is no multiple of %zu", verbs[kind], bytes, (size_t)at, align);
	}
	if (offset < arena_bytes) {
		if (underway) check_arrived(offset, bytes, kind);
		if (flying && kind != READ) check_factors(offset, bytes, kind);
		if (kind != READ || !read_before(offset, bytes)) check_shared(offset, bytes, kind);
	} else if (!memory.range(at, bytes)) {
		check_place(at, bytes, kind);
	}
}

void Worker::check_arrived(size_t offset, size_t bytes, Access kind) {
	for (size_t at = offset / 4; at <= (offset + bytes - 1) / 4; at++)
		if (const uint32_t by = shadow.coming[at]) {
			const Thread &other = threads[by - 1];
			fail(LAUNCH_FAILED, "%s shared memory while the cp.async of thread (%u, %u, %u) to it is on its way: no wait covers it", verbs[kind], other.id.x, other.id.y, other.id.z);
		}
}

// copy_async does nothing to shared memory but to mark it. For races it counts as a write where it is issued and, at
// the wait, once more: the card writes at some time between.
void Worker::copy_async(uintptr_t to, uintptr_t from, size_t bytes) {
	if (to - reinterpret_cast<uintptr_t>(arena) >= arena_bytes) fail(ILLEGAL_ADDRESS, "copies with cp.async to %#zx, which is no shared memory", (size_t)to);
	if (from - reinterpret_cast<uintptr_t>(arena) < arena_bytes) fail(ILLEGAL_ADDRESS, "copies with cp.async from shared memory");
	access(from, bytes, READ, bytes);
	access(to, bytes, WRITE, bytes);
	copies[self->index].open.push_back({to, from, bytes});
	const size_t at = (to - reinterpret_cast<uintptr_t>(arena)) / 4;
	for (size_t i = 0; i < bytes / 4; i++) shadow.coming[at + i] = self->index + 1;
	underway++, copied = true;
}

void Worker::copy_commit() {
	Copies &c = copies[self->index];
	c.groups.push_back(std::move(c.open));
	c.open.clear();
	copied = true;
}

void Worker::copy_wait(size_t pending) {
	Copies &c = copies[self->index];
	for (; c.groups.size() > pending; c.groups.pop_front())
		for (const Copy &x : c.groups.front()) {
			const size_t at = (x.to - reinterpret_cast<uintptr_t>(arena)) / 4;
			for (size_t i = 0; i < x.bytes / 4; i++) shadow.coming[at + i] = 0;
			underway--;
			access(x.from, x.bytes, READ, x.bytes);
			access(x.to, x.bytes, WRITE, x.bytes);
			memcpy(reinterpret_cast<void *>(x.to), reinterpret_cast<const void *>(x.from), x.bytes);
		}
}

void Worker::check_place(uintptr_t at, size_t bytes, Access kind) {
	if (at - reinterpret_cast<uintptr_t>(arena) < arena_bytes) return;
	if (Memory::holds(at)) {
		const Buffer *b = memory.find(at);
		if (!b) fail(ILLEGAL_ADDRESS, "%s %zu bytes at %#zx, where no buffer is", verbs[kind], bytes, (size_t)at);
		const size_t offset = at - b->base;
		if (!b->live) fail(ILLEGAL_ADDRESS, "%s %zu bytes at offset %zu of a freed buffer of %zu bytes", verbs[kind], bytes, offset, b->bytes);
		if (offset + bytes > b->bytes) fail(ILLEGAL_ADDRESS, "%s %zu bytes at offset %zu of a buffer of %zu bytes", verbs[kind], bytes, offset, b->bytes);
		return;
	}
	if (own_stack(at)) return;
	if (kind == READ && at - reinterpret_cast<uintptr_t>(launch->params) < launch->kernel->params) return;
	if (kind == READ && at >= reinterpret_cast<uintptr_t>(&__executable_start) && at < reinterpret_cast<uintptr_t>(&_end)) return;
	if (at - reinterpret_cast<uintptr_t>(stacks) < max_threads * stack_bytes) fail(ILLEGAL_ADDRESS, "%s another thread's local memory", verbs[kind]);
	fail(ILLEGAL_ADDRESS, "%s %zu bytes at %#zx, which is no device memory", verbs[kind], bytes, (size_t)at);
}

SharedArray &Worker::add_array(const void *tag, size_t bytes, size_t align, const char *name) {
	constexpr size_t gap = 64; // that belongs to no array
	const size_t begin = (shared_end + align - 1) / align * align;
	if (begin + bytes + gap > arena_bytes) fail(LAUNCH_FAILED, "takes more than %zu bytes of shared memory", shared_limit(launch->capability));
	shared_end = begin + bytes + gap;
	arrays.push_back({tag, name, begin, bytes});
	return arrays.back();
}

void *Worker::shared(const void *tag, size_t bytes, size_t align, const char *name) {
	size_t total = bytes;
	for (const SharedArray &a : arrays) {
		if (a.tag == tag) return arena + a.begin;
		if (a.tag != &launch->dynamic) total += a.bytes;
	}
	if (total > static_shared_limit) fail(LAUNCH_FAILED, "declares %zu bytes of shared memory; %zu is the limit", total, static_shared_limit);
	return arena + add_array(tag, bytes, align, name).begin;
}

void *Worker::dynamic_shared() {
	return arena; // the first array, if it is there at all
}

void Worker::check_shared(size_t offset, size_t bytes, Access kind) {
	const SharedArray *a = nullptr, *before = nullptr;
	for (const SharedArray &x : arrays) {
		if (offset >= x.begin && offset + bytes <= x.begin + x.bytes) {
			a = &x;
			break;
		}
		if (x.begin <= offset) before = &x;
	}
	if (!a && before)
		fail(ILLEGAL_ADDRESS, "%s %zu bytes at offset %zu of the shared array %s of %zu bytes", verbs[kind], bytes, offset - before->begin, before->name, before->bytes);
	if (!a) fail(ILLEGAL_ADDRESS, "%s %zu bytes before all shared arrays", verbs[kind], bytes);
	for (size_t at = offset & ~size_t(3); at < offset + bytes; at += 4) {
		Cell &word = shadow.words[at / 4];
		if (word.block != shadow.block) word = {shadow.block, false, {}, {}};
		const bool whole = at >= offset && at + 4 <= offset + bytes;
		if (whole && !word.split) {
			check_cell(word, kind, *a, at);
			continue;
		}
		if (!word.split) {
			word.split = true;
			for (int i = 0; i < 4; i++) shadow.bytes[at + i] = word;
		}
		for (size_t i = at > offset ? at : offset; i < at + 4 && i < offset + bytes; i++) check_cell(shadow.bytes[i], kind, *a, i);
	}
}

bool Worker::conflicts(const Stamp &s, Access kind) const {
	if (!s.lanes || s.phase != phase || (kind == ATOMIC && s.atomic)) return false;
	if (s.several || s.warp != self->warp) return true;
	for (uint32_t m = s.lanes & ~(1u << self->lane); m; m &= m - 1)
		if (self->known[__builtin_ctz(m)] <= s.time) return true;
	return false;
}

// add stamps this thread's access beside those in s that it is not ordered behind.
void Worker::add(Stamp &s, bool atomic) const {
	const Stamp mine = {phase, self->clock, 1u << self->lane, (uint16_t)self->warp, false, atomic};
	if (!conflicts(s, READ)) {
		s = mine;
	} else if (s.several || s.warp != self->warp) {
		s.several = true;
	} else {
		s.lanes |= mine.lanes;
		s.time = max(s.time, mine.time);
	}
}

void Worker::check_cell(Cell &c, Access kind, const SharedArray &a, size_t offset) {
	if (kind != WRITE && !c.write.lanes)
		fail(LAUNCH_FAILED, "%s what nobody wrote, at offset %zu of the shared array %s", verbs[kind], offset - a.begin, a.name);
	const bool after_write = conflicts(c.write, kind);
	if (after_write || (kind != READ && conflicts(c.read, kind))) {
		const Stamp &s = after_write ? c.write : c.read;
		uint32_t others = s.lanes;
		if (s.warp == self->warp && others != 1u << self->lane) others &= ~(1u << self->lane);
		const Thread &other = threads[s.warp * warpSize + __builtin_ctz(others)];
		fail(LAUNCH_FAILED, "races with thread (%u, %u, %u): %s offset %zu of the shared array %s that the other %s, with no barrier between", other.id.x, other.id.y, other.id.z,
		     verbs[kind], offset - a.begin, a.name, after_write ? "wrote" : "read");
	}
	if (kind == READ) {
		add(c.read, false);
	} else {
		if (kind == ATOMIC)
			add(c.write, true);
		else
			c.write = {phase, self->clock, 1u << self->lane, (uint16_t)self->warp, false, false};
		c.read = {};
		shadow.wrote[offset / 4] = proxy_fences;
	}
}
} // namespace emu

using namespace emu;
void *mongeEmuShared(const void *tag, size_t bytes, size_t align, const char *name) { return current->shared(tag, bytes, align, name); }
void *mongeEmuDynamicShared() { return current->dynamic_shared(); }
void mongeEmuCopyAsync(void *shared, const void *global, int bytes) { current->copy_async(reinterpret_cast<uintptr_t>(shared), reinterpret_cast<uintptr_t>(global), bytes); }
void mongeEmuCopyCommit() { current->copy_commit(); }
void mongeEmuCopyWait(int pending) { current->copy_wait(pending); }
void mongeEmuAtomic(const volatile void *at, int bytes) { current->access(reinterpret_cast<uintptr_t>(at), bytes, ATOMIC, bytes); }

// What the compiler calls. Outside of launches, as in constructors, there is nothing to check.
#define CALL extern "C" __attribute__((used))
#define EMU_SIZES(X) X(1) X(2) X(4) X(8) X(16)
#define EMU_CHECK(n)                                                                                                         \
	CALL void mongeEmuRead##n(uintptr_t at) { if (current) current->access(at, n, READ, n); }                                \
	CALL void mongeEmuWrite##n(uintptr_t at) { if (current) current->access(at, n, WRITE, n); }                              \
	CALL void mongeEmuReadUnaligned##n(uintptr_t at) { if (current) current->access(at, n, READ, 1); }                       \
	CALL void mongeEmuWriteUnaligned##n(uintptr_t at) { if (current) current->access(at, n, WRITE, 1); }
EMU_SIZES(EMU_CHECK)
CALL void mongeEmuReadRange(uintptr_t at, size_t n) { if (current) current->access(at, n, READ, 1); }
CALL void mongeEmuWriteRange(uintptr_t at, size_t n) { if (current) current->access(at, n, WRITE, 1); }
CALL void mongeEmuNothing() {}

namespace {
// The heads of what -fsanitize=undefined passes.
struct SourceLocation {
	const char *file;
	uint32_t line, column;
};
struct TypeMismatch {
	SourceLocation at;
	const void *type;
	unsigned char log_alignment, kind;
};
struct OutOfBounds {
	SourceLocation at;
};
} // namespace
CALL void mongeEmuMisaligned(const TypeMismatch *d, uintptr_t at) {
	if (current) current->fail(MISALIGNED_ADDRESS, "uses %#zx, which is no multiple of %d, at %s:%u", (size_t)at, 1 << d->log_alignment, d->at.file, d->at.line);
}
CALL void mongeEmuOutOfBounds(const OutOfBounds *d, uintptr_t index) {
	if (current) current->fail(ILLEGAL_ADDRESS, "uses index %lld past the end of an array at %s:%u", (long long)index, d->at.file, d->at.line);
}
