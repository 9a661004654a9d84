// sinkhorn_mma.cu: the panels of sinkhorn_panel.cu in float32, with products by the tensor cores; params.h lists the launches.
#include "sinkhorn_mma_rows.cuh"

KERNEL(sinkhorn_mma_x3_f32, softmax_mma_params, MMA_ANY_THREADS) {
	if (wanted(p)) scan_streaming<PlanRows, 3, false>(p);
}
KERNEL(sinkhorn_mma_x1_f32, softmax_mma_params, MMA_ANY_THREADS) {
	if (wanted(p)) scan_streaming<PlanRows, 1, false>(p);
}
