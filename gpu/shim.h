// Driver calls that gorgonia.org/cu does not have.
#pragma once
#include <cuda.h>
#include <stddef.h>

// gpu_launch makes ctx current on this thread and queues f on s with one struct of parameters as its argument.
CUresult gpu_launch(CUcontext ctx, CUfunction f, unsigned blocks, unsigned threads, CUstream s, void *params);

// gpu_pinned allocates page-locked memory, which copies can go to and from while the host works.
CUresult gpu_pinned(void **p, size_t bytes);

// gpu_error_text returns the driver's words for a status, or "".
const char *gpu_error_text(CUresult status);
