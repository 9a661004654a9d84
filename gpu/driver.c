//go:build (cuda || emu) && cgo

// Every driver function that gorgonia.org/cu or this package calls, as a jump through a pointer, so that
// a program needs no driver to start.
#include "driver.h"
#include <pthread.h>

// What this package calls, itself or through cu.
#define NEEDED \
	X(cuCtxSetCurrent) X(cuDeviceGet) X(cuDeviceGetAttribute) X(cuDeviceGetCount) X(cuDeviceGetName) X(cuDeviceTotalMem_v2) \
	X(cuDevicePrimaryCtxRelease_v2) X(cuDevicePrimaryCtxRetain) X(cuDriverGetVersion) X(cuEventCreate) X(cuEventDestroy_v2) \
	X(cuEventRecord) X(cuEventSynchronize) X(cuFuncSetAttribute) X(cuGetErrorString) X(cuLaunchKernel) \
	X(cuMemAlloc_v2) X(cuMemFreeHost) X(cuMemFree_v2) X(cuMemGetInfo_v2) X(cuMemHostAlloc) X(cuMemcpyDtoHAsync_v2) \
	X(cuMemcpyHtoDAsync_v2) X(cuMemsetD8Async) X(cuModuleGetFunction) X(cuModuleLoadData) X(cuModuleUnload) X(cuStreamCreate) \
	X(cuStreamDestroy_v2) X(cuStreamSynchronize)

// What only the rest of cu calls: nm -u over its objects, built with the headers of CUDA 11.8, 12.9 and 13.
#define OTHERS \
	X(cuArray3DCreate_v2) X(cuArray3DGetDescriptor_v2) X(cuArrayCreate_v2) X(cuArrayDestroy) X(cuArrayGetDescriptor_v2) \
	X(cuCtxCreate_v2) X(cuCtxDestroy_v2) X(cuCtxDisablePeerAccess) X(cuCtxEnablePeerAccess) X(cuCtxGetApiVersion) \
	X(cuCtxGetCacheConfig) X(cuCtxGetCurrent) X(cuCtxGetDevice) X(cuCtxGetFlags) X(cuCtxGetLimit) X(cuCtxGetSharedMemConfig) \
	X(cuCtxGetStreamPriorityRange) X(cuCtxPopCurrent_v2) X(cuCtxPushCurrent_v2) X(cuCtxResetPersistingL2Cache) \
	X(cuCtxSetCacheConfig) X(cuCtxSetLimit) X(cuCtxSetSharedMemConfig) X(cuCtxSynchronize) X(cuDeviceCanAccessPeer) \
	X(cuDeviceGetP2PAttribute) X(cuDeviceGetUuid) X(cuDeviceGetUuid_v2) X(cuDevicePrimaryCtxGetState) \
	X(cuDevicePrimaryCtxReset_v2) X(cuDevicePrimaryCtxSetFlags_v2) X(cuEventElapsedTime) X(cuEventElapsedTime_v2) \
	X(cuEventQuery) X(cuFuncGetAttribute) X(cuFuncSetCacheConfig) X(cuFuncSetSharedMemConfig) X(cuGraphAddChildGraphNode) \
	X(cuGraphAddDependencies) X(cuGraphAddEmptyNode) X(cuGraphAddHostNode) X(cuGraphAddKernelNode) \
	X(cuGraphAddKernelNode_v2) X(cuGraphAddMemcpyNode) X(cuGraphAddMemsetNode) X(cuGraphClone) X(cuGraphCreate) \
	X(cuGraphDestroy) X(cuGraphDestroyNode) X(cuGraphExecDestroy) X(cuGraphGetEdges) X(cuLinkAddData_v2) \
	X(cuLinkAddFile_v2) X(cuLinkComplete) X(cuLinkCreate_v2) X(cuLinkDestroy) X(cuMemAdvise) X(cuMemAllocManaged) \
	X(cuMemAllocPitch_v2) X(cuMemGetAddressRange_v2) X(cuMemPrefetchAsync) X(cuMemcpy) X(cuMemcpy2DAsync_v2) \
	X(cuMemcpy2DUnaligned_v2) X(cuMemcpy2D_v2) X(cuMemcpy3DAsync_v2) X(cuMemcpy3DPeer) X(cuMemcpy3DPeerAsync) \
	X(cuMemcpy3D_v2) X(cuMemcpyAsync) X(cuMemcpyAtoA_v2) X(cuMemcpyAtoD_v2) X(cuMemcpyAtoHAsync_v2) X(cuMemcpyAtoH_v2) \
	X(cuMemcpyDtoA_v2) X(cuMemcpyDtoDAsync_v2) X(cuMemcpyDtoD_v2) X(cuMemcpyDtoH_v2) X(cuMemcpyHtoAAsync_v2) \
	X(cuMemcpyHtoA_v2) X(cuMemcpyHtoD_v2) X(cuMemcpyPeer) X(cuMemcpyPeerAsync) X(cuMemsetD16Async) X(cuMemsetD16_v2) \
	X(cuMemsetD2D16Async) X(cuMemsetD2D16_v2) X(cuMemsetD2D32Async) X(cuMemsetD2D32_v2) X(cuMemsetD2D8Async) \
	X(cuMemsetD2D8_v2) X(cuMemsetD32Async) X(cuMemsetD32_v2) X(cuMemsetD8_v2) X(cuModuleGetGlobal_v2) \
	X(cuModuleGetSurfRef) X(cuModuleGetTexRef) X(cuModuleLoad) X(cuModuleLoadDataEx) X(cuModuleLoadFatBinary) \
	X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags) \
	X(cuPointerGetAttribute) X(cuPointerSetAttribute) X(cuStreamAttachMemAsync) X(cuStreamCreateWithPriority) \
	X(cuStreamGetFlags) X(cuStreamGetPriority) X(cuStreamQuery) X(cuStreamWaitEvent) X(cuStreamWaitValue32) \
	X(cuStreamWaitValue32_v2) X(cuStreamWriteValue32) X(cuStreamWriteValue32_v2) X(cuSurfRefGetArray) \
	X(cuSurfRefSetArray) X(cuTexRefGetAddressMode) X(cuTexRefGetAddress_v2) X(cuTexRefGetArray) X(cuTexRefGetBorderColor) \
	X(cuTexRefGetFilterMode) X(cuTexRefGetFlags) X(cuTexRefGetFormat) X(cuTexRefGetMaxAnisotropy) \
	X(cuTexRefSetAddress2D_v3) X(cuTexRefSetAddressMode) X(cuTexRefSetAddress_v2) X(cuTexRefSetArray) \
	X(cuTexRefSetBorderColor) X(cuTexRefSetFilterMode) X(cuTexRefSetFlags) X(cuTexRefSetFormat) \
	X(cuTexRefSetMaxAnisotropy) X(cuTexRefSetMipmapFilterMode) X(cuTexRefSetMipmapLevelBias) X(cuTexRefSetMipmapLevelClamp)

static int absent(void) { return 500; } // CUDA_ERROR_NOT_FOUND

#if defined(__x86_64__)
#define JUMP(f) "jmp *gpu_p_" #f "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(f) "adrp x16, gpu_p_" #f "\nldr x16, [x16, :lo12:gpu_p_" #f "]\nbr x16\n"
#else
#error "no jump for this processor"
#endif
#define X(f) \
	__attribute__((visibility("hidden"))) void *gpu_p_##f = (void *)absent; \
	__asm__(".text\n.globl " #f "\n.hidden " #f "\n.type " #f ", %function\n" #f ":\n" JUMP(f) ".previous\n");
NEEDED OTHERS
#undef X

static const struct entry {
	const char *name;
	void **slot;
	int needed;
} table[] = {
#define X(f) {#f, &gpu_p_##f, 1},
	NEEDED
#undef X
#define X(f) {#f, &gpu_p_##f, 0},
	OTHERS
#undef X
};

// cu's init function calls this and ends the process on any status but 0. The driver itself is initialised
// by gpu_driver_load, when someone asks for a device.
__attribute__((visibility("hidden"))) int cuInit(unsigned flags) {
	(void)flags;
	return 0;
}

int gpu_driver_load(const char **why) {
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	int status = gpu_driver_open(why);
	if (!status) {
		const char *missing = 0;
		for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
			void *f = gpu_driver_symbol(table[i].name);
			if (!f && table[i].needed && !missing)
				missing = table[i].name;
			__atomic_store_n(table[i].slot, f ? f : (void *)absent, __ATOMIC_RELEASE);
		}
		int (*init)(unsigned) = (int (*)(unsigned))gpu_driver_symbol("cuInit");
		if (!init)
			missing = "cuInit";
		else
			status = init(0);
		if (!status && missing)
			*why = missing, status = GPU_NO_FUNCTION;
	}
	pthread_mutex_unlock(&lock);
	return status;
}
