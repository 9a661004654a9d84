//go:build emu && cgo

// symbols.cc: the driver's functions by name, its errors, and what package emu's Go calls.
#include <stdio.h>
#include <string.h>

#include "driver.h"

#define SYMBOLS \
	X(cuCtxCreate_v2) X(cuCtxDestroy_v2) X(cuCtxGetCurrent) X(cuCtxGetDevice) X(cuCtxGetStreamPriorityRange) \
	X(cuCtxPopCurrent_v2) X(cuCtxPushCurrent_v2) X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuDeviceGet) \
	X(cuDeviceGetAttribute) X(cuDeviceGetCount) X(cuDeviceGetName) X(cuDeviceGetUuid_v2) \
	X(cuDevicePrimaryCtxGetState) X(cuDevicePrimaryCtxRelease_v2) X(cuDevicePrimaryCtxReset_v2) \
	X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxSetFlags_v2) X(cuDeviceTotalMem_v2) X(cuDriverGetVersion) \
	X(cuEventCreate) X(cuEventDestroy_v2) X(cuEventElapsedTime) X(cuEventElapsedTime_v2) X(cuEventQuery) X(cuEventRecord) \
	X(cuEventSynchronize) X(cuFuncGetAttribute) X(cuFuncSetAttribute) X(cuFuncSetCacheConfig) \
	X(cuInit) X(cuLaunchKernel) X(cuMemAllocHost_v2) X(cuMemAllocPitch_v2) X(cuMemAlloc_v2) \
	X(cuMemFreeHost) X(cuMemFree_v2) X(cuMemGetAddressRange_v2) X(cuMemGetInfo_v2) X(cuMemHostAlloc) X(cuMemcpy) \
	X(cuMemcpy2DAsync_v2) X(cuMemcpy2DUnaligned_v2) X(cuMemcpy2D_v2) X(cuMemcpyAsync) X(cuMemcpyDtoDAsync_v2) \
	X(cuMemcpyDtoD_v2) X(cuMemcpyDtoHAsync_v2) X(cuMemcpyDtoH_v2) X(cuMemcpyHtoDAsync_v2) X(cuMemcpyHtoD_v2) \
	X(cuMemsetD16Async) X(cuMemsetD16_v2) X(cuMemsetD32Async) X(cuMemsetD32_v2) X(cuMemsetD8Async) X(cuMemsetD8_v2) \
	X(cuModuleGetFunction) X(cuModuleGetGlobal_v2) X(cuModuleLoadData) X(cuModuleLoadDataEx) \
	X(cuModuleLoadFatBinary) X(cuModuleUnload) X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuStreamCreate) \
	X(cuStreamCreateWithPriority) X(cuStreamDestroy_v2) X(cuStreamGetFlags) X(cuStreamGetPriority) X(cuStreamQuery) \
	X(cuStreamSynchronize) X(cuStreamWaitEvent)

#define X(f) extern "C" void emu_##f();
SYMBOLS
#undef X

namespace emu {
namespace {
struct Error {
	int status;
	const char *name, *text;
};
constexpr Error errors[] = {
	{SUCCESS, "CUDA_SUCCESS", "no error"},
	{INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
	{INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	{NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
	{ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
	{CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
	{ASSERT, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
	{ILLEGAL_INSTRUCTION, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
	{MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	{NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
	{UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

int look_up(int status, const char **text, const char *Error::*field) {
	for (const Error &e : errors)
		if (e.status == status) return *text = e.*field, SUCCESS;
	return *text = nullptr, INVALID_VALUE;
}
} // namespace
} // namespace emu

using namespace emu;

extern "C" int emu_cuGetErrorName(int status, const char **text) { return look_up(status, text, &Error::name); }
extern "C" int emu_cuGetErrorString(int status, const char **text) { return look_up(status, text, &Error::text); }

void *mongeEmuSymbol(const char *name) {
	static const struct {
		const char *name;
		void *function;
	} table[] = {
#define X(f) {#f, reinterpret_cast<void *>(emu_##f)},
		SYMBOLS X(cuGetErrorName) X(cuGetErrorString)
#undef X
	};
	std::lock_guard<std::recursive_mutex> guard(driver().lock);
	if (!strcmp(name, driver().faults.function)) return nullptr;
	for (const auto &f : table)
		if (!strcmp(f.name, name)) return f.function;
	return nullptr;
}

void mongeEmuSetFaults(const mongeEmuFaults *f) {
	std::lock_guard<std::recursive_mutex> guard(driver().lock);
	driver().faults = *f;
}

void mongeEmuGetLive(mongeEmuLive *now, mongeEmuLive *orphans) {
	Driver &d = driver();
	std::lock_guard<std::recursive_mutex> guard(d.lock);
	*now = {}, *orphans = d.orphans;
	now->contexts = d.contexts.size();
	now->bytes = d.used;
	for (const Context *c : d.contexts) {
		now->buffers += c->buffers.size(), now->pinned += c->pinned.size(), now->streams += c->streams.size();
		now->events += c->events.size(), now->modules += c->modules.size();
	}
}

void mongeEmuLastFault(char *text, int n) {
	std::lock_guard<std::recursive_mutex> guard(driver().lock);
	snprintf(text, n, "%s", driver().fault.c_str());
}

void mongeEmuReset() {
	Driver &d = driver();
	std::lock_guard<std::recursive_mutex> guard(d.lock);
	d.faults = {}, d.lost = d.initialised = false;
	while (!d.contexts.empty()) d.destroy(*d.contexts.begin());
	d.orphans = {}, d.fault.clear();
}
