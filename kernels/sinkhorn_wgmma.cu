// sinkhorn_wgmma.cu: what sinkhorn_mma.cu does, by the warpgroups of compute capability 9.0; params.h lists the launches. It is
// compiled for sm_90a alone.
#include "sinkhorn_mma_rows.cuh"
#include "softmax_wgmma.cuh"

KERNEL(sinkhorn_wgmma_x3_f32, softmax_mma_params, WGMMA_THREADS) {
	if (wanted(p)) scan_group_streaming<PlanRows, 3, false>(p);
}
KERNEL(sinkhorn_wgmma_x1_f32, softmax_mma_params, WGMMA_THREADS) {
	if (wanted(p)) scan_group_streaming<PlanRows, 1, false>(p);
}
