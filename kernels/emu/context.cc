//go:build emu && cgo

// context.cc: the device and its contexts.
#include <stdio.h>
#include <string.h>

#include "driver.h"

namespace emu {
Driver &driver() {
	static Driver *d = new Driver; // outlives all threads
	return *d;
}

Context *&current_context() {
	static thread_local Context *c;
	return c;
}

static std::vector<Context *> &below() { // the contexts under the current one
	static thread_local std::vector<Context *> stack;
	return stack;
}

bool due(int64_t &k) { return k > 0 && --k == 0; }

Call::Call(Need need) : status(SUCCESS), d(driver()), guard(d.lock) {
	if (need == NOTHING) return;
	if (!d.initialised) {
		status = NOT_INITIALIZED;
		return;
	}
	if (due(d.faults.lost)) {
		d.lost = true, d.fault = "the device is lost";
		for (Context *c : d.contexts) c->status = UNKNOWN, c->queue.clear();
	}
	if (d.lost) {
		status = UNKNOWN;
		return;
	}
	if (need == DRIVER) return;
	context = current_context();
	if (!context)
		status = INVALID_CONTEXT;
	else if (!d.contexts.count(context))
		status = CONTEXT_IS_DESTROYED;
	else
		status = context->status;
}

int Context::drain() {
	while (!queue.empty() && !status) {
		auto work = std::move(queue.front());
		queue.pop_front();
		status = work();
	}
	queue.clear();
	return status;
}

int Context::enqueue(std::function<int()> work) {
	queue.push_back(std::move(work));
	return SUCCESS;
}

void Driver::destroy(Context *c) {
	c->drain();
	orphans.buffers += c->buffers.size(), orphans.streams += c->streams.size(), orphans.events += c->events.size();
	orphans.modules += c->modules.size(), orphans.pinned += c->pinned.size();
	for (auto &b : c->buffers) memory.release(b.first), used -= b.second, orphans.bytes += b.second;
	for (auto &p : c->pinned) free(reinterpret_cast<void *>(p.first));
	for (Stream *s : c->streams) delete s;
	for (Event *e : c->events) delete e;
	for (Module *m : c->modules) delete m;
	contexts.erase(c);
	if (c == primary) primary = nullptr;
	delete c;
}
} // namespace emu

using namespace emu;

EMU_API emu_cuInit(unsigned flags) {
	Call call(Call::NOTHING);
	if (flags) return INVALID_VALUE;
	if (call.d.faults.no_device) return NO_DEVICE;
	call.d.initialised = true;
	return SUCCESS;
}

EMU_API emu_cuDriverGetVersion(int *version) {
	if (!version) return INVALID_VALUE;
	*version = 12000;
	return SUCCESS;
}

EMU_API emu_cuDeviceGetCount(int *count) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	*count = call.d.faults.no_device ? 0 : 1;
	return SUCCESS;
}

EMU_API emu_cuDeviceGet(int *device, int ordinal) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (ordinal != 0 || call.d.faults.no_device) return INVALID_DEVICE;
	*device = 0;
	return SUCCESS;
}

EMU_API emu_cuDeviceGetName(char *name, int n, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	if (!name || n <= 0) return INVALID_VALUE;
	snprintf(name, n, "emulated device");
	return SUCCESS;
}

EMU_API emu_cuDeviceTotalMem_v2(size_t *bytes, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	*bytes = call.d.total();
	return SUCCESS;
}

EMU_API emu_cuDeviceGetUuid_v2(char *uuid, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	memcpy(uuid, "emulated device", 16);
	return SUCCESS;
}

EMU_API emu_cuDeviceGetAttribute(int *value, int attribute, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	// By CUdevice_attribute; those of a device with two multiprocessors.
	const int capability = call.d.capability(), shared = (int)shared_limit(capability);
	const std::map<int, int> attributes = {
		{1, max_threads}, {2, 1024}, {3, 1024}, {4, 64}, {5, 2147483647}, {6, 65535}, {7, 65535}, // block and grid
		{8, static_shared_limit}, {9, 65536}, {10, warpSize}, {11, 2147483647}, {12, 65536},      // shared, constant, pitch, registers
		{13, 1410000}, {14, 512}, {15, 1}, {16, 2}, {17, 0}, {18, 0}, {19, 1}, {20, 0},            // clock to compute mode
		{31, 1}, {32, 0}, {33, 0}, {34, 0}, {35, 0}, {36, 1215000}, {37, 5120}, {38, 4 << 20},     // concurrency, PCI, memory, L2
		{39, 2048}, {40, 1}, {41, 1}, {75, capability / 10}, {76, capability % 10}, {78, 1}, {81, shared + 1024}, {82, 65536},        // a multiprocessor's limits
		{83, 0}, {95, 0}, {97, shared}, {106, 32}, {111, 1024},
	};
	if (attribute < 1 || attribute > 150) return INVALID_VALUE;
	const auto a = attributes.find(attribute);
	*value = a == attributes.end() ? 0 : a->second;
	return SUCCESS;
}

EMU_API emu_cuDevicePrimaryCtxRetain(Context **context, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	if (!call.d.primary) {
		call.d.primary = new Context(true, 0);
		call.d.contexts.insert(call.d.primary);
	}
	call.d.primary->references++;
	*context = call.d.primary;
	return SUCCESS;
}

EMU_API emu_cuDevicePrimaryCtxRelease_v2(int device) {
	Call call(Call::NOTHING); // a lost device's context can be given back
	if (device != 0) return INVALID_DEVICE;
	if (!call.d.primary) return INVALID_CONTEXT;
	if (--call.d.primary->references == 0) call.d.destroy(call.d.primary);
	return SUCCESS;
}

EMU_API emu_cuDevicePrimaryCtxReset_v2(int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	if (call.d.primary) call.d.destroy(call.d.primary);
	return SUCCESS;
}

EMU_API emu_cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	*flags = 0, *active = call.d.primary != nullptr;
	return SUCCESS;
}

EMU_API emu_cuDevicePrimaryCtxSetFlags_v2(int device, unsigned) {
	Call call(Call::DRIVER);
	return call.status ? call.status : device != 0 ? INVALID_DEVICE : SUCCESS;
}

EMU_API emu_cuCtxPushCurrent_v2(Context *context) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (!call.d.contexts.count(context)) return INVALID_CONTEXT;
	below().push_back(current_context());
	current_context() = context;
	return SUCCESS;
}

EMU_API emu_cuCtxPopCurrent_v2(Context **context) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (!current_context()) return INVALID_CONTEXT;
	if (context) *context = current_context();
	current_context() = nullptr;
	if (!below().empty()) current_context() = below().back(), below().pop_back();
	return SUCCESS;
}

EMU_API emu_cuCtxCreate_v2(Context **context, unsigned, int device) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (device != 0) return INVALID_DEVICE;
	*context = new Context(false, 1);
	call.d.contexts.insert(*context);
	return emu_cuCtxPushCurrent_v2(*context);
}

EMU_API emu_cuCtxDestroy_v2(Context *context) {
	Call call(Call::NOTHING);
	if (!call.d.contexts.count(context) || context->primary) return INVALID_CONTEXT;
	call.d.destroy(context);
	if (current_context() == context) emu_cuCtxPopCurrent_v2(nullptr);
	return SUCCESS;
}

EMU_API emu_cuCtxSetCurrent(Context *context) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	if (context && !call.d.contexts.count(context)) return INVALID_CONTEXT;
	current_context() = context;
	return SUCCESS;
}

EMU_API emu_cuCtxGetCurrent(Context **context) {
	Call call(Call::DRIVER);
	if (call.status) return call.status;
	*context = current_context();
	return SUCCESS;
}

EMU_API emu_cuCtxGetDevice(int *device) {
	Call call;
	if (call.status) return call.status;
	*device = 0;
	return SUCCESS;
}

EMU_API emu_cuCtxGetStreamPriorityRange(int *least, int *greatest) {
	Call call;
	if (call.status) return call.status;
	if (least) *least = 0;
	if (greatest) *greatest = -5;
	return SUCCESS;
}

EMU_API emu_cuCtxSynchronize() {
	Call call;
	return call.status ? call.status : call.context->drain();
}
