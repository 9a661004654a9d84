//go:build emu && cgo

#include "driver.h"
#include <stddef.h>

// Of package emu; weak, since cgo links every package by itself first.
void *mongeEmuSymbol(const char *name) __attribute__((weak));

int gpu_driver_open(const char **why) {
	*why = NULL;
	return 0;
}

void *gpu_driver_symbol(const char *name) { return mongeEmuSymbol(name); }
