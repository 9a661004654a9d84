// Driver calls that gorgonia.org/cu does not have.
#pragma once
#include <cuda.h>
#include <stddef.h>

// gpu_launch makes ctx current on this thread and queues f on s with one struct of parameters as its argument and
// shared bytes of dynamic shared memory a block.
CUresult gpu_launch(CUcontext ctx, CUfunction f, unsigned blocks, unsigned threads, unsigned shared, CUstream s, void *params);

// gpu_allow_shared lets f be launched with so much dynamic shared memory, which it needs above 48 KiB.
CUresult gpu_allow_shared(CUfunction f, unsigned bytes);

// gpu_pinned allocates page-locked memory, which copies can go to and from while the host works.
CUresult gpu_pinned(void **p, size_t bytes);

// gpu_error_text returns the driver's words for a status, or "".
const char *gpu_error_text(CUresult status);
