//go:build emu && cgo

#include "client.h"

void *mongeEmuSymbol(const char *name) __attribute__((weak));

// CALL calls a driver function by its name; 500 where there is none.
#define CALL(name, types, ...) \
	__extension__({ \
		int(*f_) types = (int(*) types)mongeEmuSymbol(name); \
		f_ ? f_(__VA_ARGS__) : 500; \
	})

int client_open(void **context) {
	int s = CALL("cuInit", (unsigned), 0);
	if (!s) s = CALL("cuDevicePrimaryCtxRetain", (void **, int), context, 0);
	return s ? s : CALL("cuCtxSetCurrent", (void *), *context);
}
int client_close(void) { return CALL("cuDevicePrimaryCtxRelease_v2", (int), 0); }
int client_alloc(uint64_t *p, size_t n) { return CALL("cuMemAlloc_v2", (uint64_t *, size_t), p, n); }
int client_free(uint64_t p) { return CALL("cuMemFree_v2", (uint64_t), p); }
int client_host_alloc(void **p, size_t n) { return CALL("cuMemHostAlloc", (void **, size_t, unsigned), p, n, 0); }
int client_host_free(void *p) { return CALL("cuMemFreeHost", (void *), p); }
int client_upload(uint64_t to, const void *from, size_t n) { return CALL("cuMemcpyHtoD_v2", (uint64_t, const void *, size_t), to, from, n); }
int client_download(void *to, uint64_t from, size_t n) { return CALL("cuMemcpyDtoH_v2", (void *, uint64_t, size_t), to, from, n); }
int client_download_async(void *to, uint64_t from, size_t n) {
	return CALL("cuMemcpyDtoHAsync_v2", (void *, uint64_t, size_t, void *), to, from, n, NULL);
}
int client_copy2d(uint64_t to, size_t to_pitch, uint64_t from, size_t from_pitch, size_t width, size_t height) {
	struct end { // the halves of CUDA_MEMCPY2D
		size_t x, y;
		int type;
		void *host;
		uint64_t device;
		void *array;
		size_t pitch;
	};
	struct {
		struct end from, to;
		size_t width, height;
	} c = {{0, 0, 2, NULL, from, NULL, from_pitch}, {0, 0, 2, NULL, to, NULL, to_pitch}, width, height};
	return CALL("cuMemcpy2D_v2", (void *), &c);
}
int client_fill(uint64_t p, unsigned v, size_t n) { return CALL("cuMemsetD32_v2", (uint64_t, unsigned, size_t), p, v, n); }
int client_load(void **module, const char *image) { return CALL("cuModuleLoadData", (void **, const void *), module, image); }
int client_unload(void *module) { return CALL("cuModuleUnload", (void *), module); }
int client_function(void **f, void *module, const char *name) {
	return CALL("cuModuleGetFunction", (void **, void *, const char *), f, module, name);
}
int client_launch(void *f, const unsigned g[3], const unsigned b[3], unsigned dynamic, const test_params *p) {
	void *params[] = {(void *)p};
	return CALL("cuLaunchKernel", (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **), f, g[0], g[1], g[2], b[0],
	            b[1], b[2], dynamic, NULL, params, NULL);
}
int client_sync(void) { return CALL("cuCtxSynchronize", (void)); }
int client_stream(void **s) { return CALL("cuStreamCreate", (void **, unsigned), s, 1); }
int client_stream_destroy(void *s) { return CALL("cuStreamDestroy_v2", (void *), s); }
int client_elapsed(float *ms) {
	void *e[2] = {NULL, NULL};
	int s = 0;
	for (int i = 0; i < 2 && !s; i++) {
		s = CALL("cuEventCreate", (void **, unsigned), &e[i], 0);
		if (!s) s = CALL("cuEventRecord", (void *, void *), e[i], NULL);
	}
	if (!s) s = CALL("cuEventElapsedTime", (float *, void *, void *), ms, e[0], e[1]) == 600 ? 0 : 1; // not ready yet
	if (!s) s = CALL("cuEventSynchronize", (void *), e[1]);
	if (!s) s = CALL("cuEventElapsedTime", (float *, void *, void *), ms, e[0], e[1]);
	for (int i = 0; i < 2; i++)
		if (!s) s = CALL("cuEventDestroy_v2", (void *), e[i]);
	return s;
}
const char *client_error(int status) {
	const char *name = NULL;
	CALL("cuGetErrorName", (int, const char **), status, &name);
	return name ? name : "?";
}
