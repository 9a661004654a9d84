//go:build cuda && !emu && cgo

#include "driver.h"
#include <dlfcn.h>

static void *lib;

int gpu_driver_open(const char **why) {
	if (lib)
		return 0;
	static char reason[512];
	if (!(lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL))) {
		const char *e = dlerror();
		unsigned i = 0;
		for (; e && e[i] && i + 1 < sizeof reason; i++)
			reason[i] = e[i];
		reason[i] = 0;
		*why = reason;
		return GPU_NO_DRIVER;
	}
	return 0;
}

void *gpu_driver_symbol(const char *name) { return dlsym(lib, name); }
