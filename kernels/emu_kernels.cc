//go:build emu && cgo

// The kernels for the emulated driver: every .cu file, compiled by g++.
#include <math.h>

#include "emu.h"
#include "params.h"

namespace { // their functions concern nobody else
#include "adams.cu"
#include "adams_trajectory.cu"
#include "copy.cu"
#include "elementwise.cu"
#include "errornorm.cu"
#include "follow.cu"
#include "lincomb.cu"
#include "matmul.cu"
#include "mixture.cu"
#include "mixture_small.cu"
#include "mixture_tiles.cu"
#include "normal.cu"
#include "reduce.cu"
#include "rowdot.cu"
#include "rungekutta.cu"
#include "sinkhorn.cu"
#include "sinkhorn_mma.cu"
#include "sinkhorn_panel.cu"
#include "sinkhorn_small.cu"
#include "sinkhorn_wgmma.cu"
#include "softmax.cu"
#include "softmax_mma.cu"
#include "softmax_mma_max.cu"
#include "softmax_mma_mean.cu"
#include "softmax_mma_panel.cu"
#include "softmax_mma_values.cu"
#include "softmax_panel.cu"
#include "softmax_small.cu"
#include "softmax_wgmma.cu"
#include "softmax_wgmma_mean.cu"
#include "split.cu"
#include "trajectory.cu"
} // namespace
