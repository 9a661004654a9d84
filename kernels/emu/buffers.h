// buffers.h: device memory. Buffers lie in an address range of their own, each with pages of its own, so that
// what a kernel may touch is known to the byte. Addresses are used again only
// when the range is used up, so that a freed buffer stays known as one.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace emu {
struct Buffer {
	uintptr_t base;
	size_t bytes;
	bool live;
};

class Memory {
public:
	// allocate returns 0 where the machine has no memory left. The contents are bytes of 0xff: NaNs.
	uintptr_t allocate(size_t bytes);
	bool release(uintptr_t base); // false where no buffer begins there
	// find returns the buffer that at lies in, live or freed last, or null.
	const Buffer *find(uintptr_t at) const {
		const uint32_t i = page_buffer[(at - begin) / page];
		return i ? &buffers[i] : nullptr;
	}
	// range says whether all of [at, at + bytes) is in a live buffer.
	bool range(uintptr_t at, size_t bytes) const {
		if (!holds(at)) return false;
		const Buffer *b = find(at);
		return b && b->live && bytes <= b->bytes && at - b->base <= b->bytes - bytes;
	}
	static bool holds(uintptr_t at) { return at - begin < size; }

private:
	bool reserve();
	static constexpr size_t page = 4096;
	static uintptr_t begin;
	static size_t size;
	uintptr_t place(size_t pages); // free pages, or 0
	size_t next = 0;       // page after the last allocation
	uint32_t *page_buffer; // 1 + first page of the buffer that each page belonged to last, 0 = none
	Buffer *buffers;       // by 1 + first page
};

extern Memory memory;
} // namespace emu
