//go:build (cuda || emu) && cgo

#include "shim.h"

CUresult gpu_launch(CUcontext ctx, CUfunction f, unsigned blocks, unsigned threads, unsigned shared, CUstream s, void *params) {
	CUresult status = cuCtxSetCurrent(ctx);
	if (status)
		return status;
	void *args[] = {params};
	return cuLaunchKernel(f, blocks, 1, 1, threads, 1, 1, shared, s, args, NULL);
}

CUresult gpu_allow_shared(CUfunction f, unsigned bytes) { return cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)bytes); }

CUresult gpu_pinned(void **p, size_t bytes) { return cuMemHostAlloc(p, bytes, 0); }

const char *gpu_error_text(CUresult status) {
	const char *text = NULL;
	return cuGetErrorString(status, &text) || !text ? "" : text;
}
