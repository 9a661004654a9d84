// The driver's functions, reached through a table that is filled at run time.
#pragma once

// gpu_driver_load opens the driver and fills the table. It returns cuInit's status, 0 for success; where
// there is no driver at all it returns GPU_NO_DRIVER, where a function that this package needs is not
// there GPU_NO_FUNCTION. *why then names what is missing; it stays valid.
int gpu_driver_load(const char **why);

enum { GPU_NO_DRIVER = -1, GPU_NO_FUNCTION = -2 };

// Where functions come from: driver_cuda.c or driver_emu.c.
int gpu_driver_open(const char **why);    // 0, or GPU_NO_DRIVER with the reason
void *gpu_driver_symbol(const char *name); // NULL where the driver lacks it
