//go:build emu && cgo

// buffers.cc: pages of device memory.
#include "buffers.h"

#include <string.h>
#include <sys/mman.h>

namespace emu {
Memory memory;
uintptr_t Memory::begin;
size_t Memory::size;

static void *map(size_t bytes, int protection) {
	void *p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? nullptr : p;
}

bool Memory::reserve() {
	for (size_t s = size_t(1) << 38; s >= size_t(1) << 30; s /= 2) { // less where the process's addresses are limited
		void *range = map(s, PROT_NONE);
		auto *numbers = static_cast<uint32_t *>(range ? map(s / page * sizeof(uint32_t), PROT_READ | PROT_WRITE) : nullptr);
		auto *list = static_cast<Buffer *>(numbers ? map((s / page + 1) * sizeof(Buffer), PROT_READ | PROT_WRITE) : nullptr);
		if (list) {
			begin = reinterpret_cast<uintptr_t>(range), size = s, page_buffer = numbers, buffers = list;
			return true;
		}
		if (range) munmap(range, s);
		if (numbers) munmap(numbers, s / page * sizeof(uint32_t));
	}
	return false;
}

uintptr_t Memory::place(size_t pages) {
	for (int round = 0; round < 2; round++, next = 0)
		for (size_t at = next; at + pages <= size / page;) {
			size_t n = 0;
			while (n < pages && !(page_buffer[at + n] && buffers[page_buffer[at + n]].live)) n++;
			if (n == pages) return next = at + pages, begin + at * page;
			at += n + 1;
		}
	return 0;
}

uintptr_t Memory::allocate(size_t bytes) {
	if (!size && !reserve()) return 0;
	const size_t pages = (bytes + page - 1) / page;
	const uintptr_t base = place(pages);
	if (!base || mprotect(reinterpret_cast<void *>(base), pages * page, PROT_READ | PROT_WRITE)) return 0;
	memset(reinterpret_cast<void *>(base), 0xff, bytes);
	const size_t first = (base - begin) / page;
	buffers[first + 1] = {base, bytes, true};
	for (size_t i = 0; i < pages; i++) page_buffer[first + i] = first + 1;
	return base;
}

bool Memory::release(uintptr_t base) {
	if (!holds(base)) return false;
	auto *b = const_cast<Buffer *>(find(base));
	if (!b || !b->live || b->base != base) return false;
	b->live = false;
	const size_t bytes = (b->bytes + page - 1) / page * page;
	// Fresh pages without access: the old ones go back to the machine.
	mmap(reinterpret_cast<void *>(base), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	return true;
}
} // namespace emu
