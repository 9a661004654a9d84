// params.h: the parameters of this package's kernels; what they mean is each kernel's own.
#pragma once
#include <stdint.h>

typedef struct {
	uint64_t a, b, c;
	int64_t n, m, k;
} test_params;
