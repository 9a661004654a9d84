// faults.h: what package emu's Go sees of the driver.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
// Counts are of calls from now on: 1 fails the next, 0 none.
typedef struct {
	int32_t no_device;
	int64_t alloc, host_alloc; // out of memory
	int64_t copy;              // a copy or fill fails as it is queued: CUDA_ERROR_INVALID_VALUE
	int64_t launch;            // a launch fails as it is queued: out of resources
	int64_t kernel;            // a launch faults as it runs
	int64_t lost;              // the device is lost at a call, for all calls from then on
	int64_t memory;            // bytes of the device; 0 = 8 GiB
	int32_t products;          // wgmma's sums are wrong: 1 = of all, 2 = where the right factor lies by rows
	int32_t capability;        // of the device, times ten; 0 = 80
	char function[64], kernel_name[64]; // not there
} mongeEmuFaults;

typedef struct {
	int64_t contexts, buffers, bytes, pinned, streams, events, modules;
} mongeEmuLive;

void *mongeEmuSymbol(const char *name);
void mongeEmuSetFaults(const mongeEmuFaults *f);
void mongeEmuGetLive(mongeEmuLive *now, mongeEmuLive *orphans);
// mongeEmuLastFault copies the text of the last fault, cut to n bytes with the NUL.
void mongeEmuLastFault(char *text, int n);
void mongeEmuReset(void);
#ifdef __cplusplus
}
#endif
