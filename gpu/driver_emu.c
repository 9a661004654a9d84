//go:build emu && cgo

#include "driver.h"
#include <stddef.h>

void *mongeEmuSymbol(const char *name); // package kernels

int gpu_driver_open(const char **why) {
	*why = NULL;
	return 0;
}

void *gpu_driver_symbol(const char *name) { return mongeEmuSymbol(name); }
