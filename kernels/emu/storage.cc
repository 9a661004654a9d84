//go:build emu && cgo

// storage.cc: device memory, pinned host memory, copies and fills.
#include <string.h>

#include "driver.h"

using namespace emu;

EMU_API emu_cuMemAlloc_v2(uintptr_t *address, size_t bytes) {
	Call call;
	if (call.status) return call.status;
	if (!address || !bytes) return INVALID_VALUE;
	if (due(call.d.faults.alloc) || bytes > call.d.total() || call.d.used > call.d.total() - bytes) return OUT_OF_MEMORY;
	*address = memory.allocate(bytes);
	if (!*address) return OUT_OF_MEMORY;
	call.context->buffers[*address] = bytes, call.d.used += bytes;
	return SUCCESS;
}

EMU_API emu_cuMemAllocPitch_v2(uintptr_t *address, size_t *pitch, size_t width, size_t height, unsigned) {
	if (!pitch) return INVALID_VALUE;
	*pitch = (width + 511) / 512 * 512;
	return emu_cuMemAlloc_v2(address, *pitch * height);
}

EMU_API emu_cuMemFree_v2(uintptr_t address) {
	Call call;
	if (call.status) return call.status;
	if (!address) return SUCCESS;
	const auto b = call.context->buffers.find(address);
	if (b == call.context->buffers.end()) return INVALID_VALUE;
	if (int s = call.context->drain()) return s; // a free waits for the device
	memory.release(address);
	call.d.used -= b->second;
	call.context->buffers.erase(b);
	return SUCCESS;
}

EMU_API emu_cuMemGetInfo_v2(size_t *available, size_t *total) {
	Call call;
	if (call.status) return call.status;
	*total = call.d.total();
	*available = call.d.used < *total ? *total - call.d.used : 0;
	return SUCCESS;
}

EMU_API emu_cuMemGetAddressRange_v2(uintptr_t *base, size_t *bytes, uintptr_t address) {
	Call call;
	if (call.status) return call.status;
	if (!memory.range(address, 1)) return NOT_FOUND;
	const Buffer *b = memory.find(address);
	if (base) *base = b->base;
	if (bytes) *bytes = b->bytes;
	return SUCCESS;
}

EMU_API emu_cuMemHostAlloc(void **host, size_t bytes, unsigned) {
	Call call;
	if (call.status) return call.status;
	if (!host || !bytes) return INVALID_VALUE;
	if (due(call.d.faults.host_alloc) || posix_memalign(host, 4096, bytes)) return OUT_OF_MEMORY;
	memset(*host, 0xff, bytes);
	call.context->pinned[reinterpret_cast<uintptr_t>(*host)] = bytes;
	return SUCCESS;
}

EMU_API emu_cuMemAllocHost_v2(void **host, size_t bytes) { return emu_cuMemHostAlloc(host, bytes, 0); }

EMU_API emu_cuMemFreeHost(void *host) {
	Call call;
	if (call.status) return call.status;
	const auto p = call.context->pinned.find(reinterpret_cast<uintptr_t>(host));
	if (p == call.context->pinned.end()) return INVALID_VALUE;
	if (int s = call.context->drain()) return s;
	call.context->pinned.erase(p);
	free(host);
	return SUCCESS;
}

namespace {
// pinned says whether all of [at, at + bytes) is pinned memory of c.
bool pinned(const Context *c, uintptr_t at, size_t bytes) {
	auto p = c->pinned.upper_bound(at);
	if (p == c->pinned.begin()) return false;
	--p;
	return at - p->first <= p->second && bytes <= p->second - (at - p->first);
}

// Side is one end of a copy.
struct Side {
	uintptr_t at;
	size_t pitch; // bytes from one row to the next
	bool device;
};

// copy moves rows of bytes: when the device comes to it, or at once where not queued. The driver copies pageable
// memory before it returns.
int copy(Call &call, Side to, Side from, size_t width, size_t rows, bool queued, const Stream *stream) {
	if (call.status) return call.status;
	if (!stream_known(call.context, stream)) return INVALID_HANDLE;
	if (due(call.d.faults.copy)) return INVALID_VALUE;
	if (!width || !rows) return SUCCESS;
	for (const Side &s : {to, from}) {
		if (rows > 1 && s.pitch < width) return INVALID_VALUE;
		const size_t bytes = (rows - 1) * s.pitch + width;
		if (s.device ? !memory.range(s.at, bytes) : !s.at || Memory::holds(s.at)) return INVALID_VALUE;
		if (!s.device && !pinned(call.context, s.at, bytes)) queued = false;
	}
	auto work = [=] {
		for (size_t i = 0; i < rows; i++) memmove(reinterpret_cast<void *>(to.at + i * to.pitch), reinterpret_cast<void *>(from.at + i * from.pitch), width);
		return SUCCESS;
	};
	if (int s = call.context->enqueue(work)) return s;
	return queued ? SUCCESS : call.context->drain();
}

Side device(uintptr_t at) { return {at, 0, true}; }
Side host(const void *at) { return {reinterpret_cast<uintptr_t>(at), 0, false}; }
Side either(uintptr_t at) { return {at, 0, Memory::holds(at)}; }
} // namespace

EMU_API emu_cuMemcpyHtoD_v2(uintptr_t to, const void *from, size_t n) {
	Call call;
	return copy(call, device(to), host(from), n, 1, false, nullptr);
}
EMU_API emu_cuMemcpyDtoH_v2(void *to, uintptr_t from, size_t n) {
	Call call;
	return copy(call, host(to), device(from), n, 1, false, nullptr);
}
EMU_API emu_cuMemcpyDtoD_v2(uintptr_t to, uintptr_t from, size_t n) {
	Call call;
	return copy(call, device(to), device(from), n, 1, true, nullptr); // does not wait, as on a card
}
EMU_API emu_cuMemcpy(uintptr_t to, uintptr_t from, size_t n) {
	Call call;
	return copy(call, either(to), either(from), n, 1, false, nullptr);
}
EMU_API emu_cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t n, Stream *s) {
	Call call;
	return copy(call, device(to), host(from), n, 1, true, s);
}
EMU_API emu_cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t n, Stream *s) {
	Call call;
	return copy(call, host(to), device(from), n, 1, true, s);
}
EMU_API emu_cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t n, Stream *s) {
	Call call;
	return copy(call, device(to), device(from), n, 1, true, s);
}
EMU_API emu_cuMemcpyAsync(uintptr_t to, uintptr_t from, size_t n, Stream *s) {
	Call call;
	return copy(call, either(to), either(from), n, 1, true, s);
}

namespace {
// Copy2D is CUDA_MEMCPY2D.
struct End2D {
	size_t x, y;
	int type; // 1 host, 2 device, 3 array, 4 unified
	void *host;
	uintptr_t device;
	void *array;
	size_t pitch;
};
struct Copy2D {
	End2D from, to;
	size_t width, height;
};

int copy2d(const Copy2D *c, bool queued, const Stream *s) {
	Call call;
	if (call.status) return call.status;
	if (!c) return INVALID_VALUE;
	Side sides[2];
	const End2D *ends[2] = {&c->to, &c->from};
	for (int i = 0; i < 2; i++) {
		const End2D &e = *ends[i];
		if (e.type == 1)
			sides[i] = host(e.host);
		else if (e.type == 2)
			sides[i] = device(e.device);
		else if (e.type == 4)
			sides[i] = either(e.device);
		else
			return e.type == 3 ? NOT_SUPPORTED : INVALID_VALUE;
		sides[i].pitch = e.pitch ? e.pitch : c->width;
		sides[i].at += e.y * sides[i].pitch + e.x;
	}
	return copy(call, sides[0], sides[1], c->width, c->height, queued, s);
}
} // namespace

EMU_API emu_cuMemcpy2D_v2(const Copy2D *c) { return copy2d(c, false, nullptr); }
EMU_API emu_cuMemcpy2DUnaligned_v2(const Copy2D *c) { return copy2d(c, false, nullptr); }
EMU_API emu_cuMemcpy2DAsync_v2(const Copy2D *c, Stream *s) { return copy2d(c, true, s); }

namespace {
// fill queues the setting of n words; even without Async the driver does not wait for it.
template <class T> int fill(uintptr_t at, T value, size_t n, const Stream *stream) {
	Call call;
	if (call.status) return call.status;
	if (!stream_known(call.context, stream)) return INVALID_HANDLE;
	if (due(call.d.faults.copy)) return INVALID_VALUE;
	if (!n) return SUCCESS;
	if (at % sizeof(T) || n > SIZE_MAX / sizeof(T) || !memory.range(at, n * sizeof(T))) return INVALID_VALUE;
	return call.context->enqueue([=] {
		T *p = reinterpret_cast<T *>(at);
		for (size_t i = 0; i < n; i++) p[i] = value;
		return SUCCESS;
	});
}
} // namespace

EMU_API emu_cuMemsetD8_v2(uintptr_t at, unsigned char v, size_t n) { return fill<uint8_t>(at, v, n, nullptr); }
EMU_API emu_cuMemsetD16_v2(uintptr_t at, unsigned short v, size_t n) { return fill<uint16_t>(at, v, n, nullptr); }
EMU_API emu_cuMemsetD32_v2(uintptr_t at, unsigned v, size_t n) { return fill<uint32_t>(at, v, n, nullptr); }
EMU_API emu_cuMemsetD8Async(uintptr_t at, unsigned char v, size_t n, Stream *s) { return fill<uint8_t>(at, v, n, s); }
EMU_API emu_cuMemsetD16Async(uintptr_t at, unsigned short v, size_t n, Stream *s) { return fill<uint16_t>(at, v, n, s); }
EMU_API emu_cuMemsetD32Async(uintptr_t at, unsigned v, size_t n, Stream *s) { return fill<uint32_t>(at, v, n, s); }
