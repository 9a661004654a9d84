// softmax_wgmma.cu: what the scans of softmax_mma.cu and softmax_mma_max.cu do, by the warpgroups of compute capability 9.0;
// params.h lists the launches. It is compiled for sm_90a alone.
#include "softmax_mma_rows.cuh"
#include "softmax_wgmma.cuh"

KERNEL_BLOCKS(softmax_wgmma_x3_d32_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 3, 1, false>(p); }
KERNEL_BLOCKS(softmax_wgmma_x3_d32_tilt_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 3, 1, true>(p); }
KERNEL_BLOCKS(softmax_wgmma_x3_d64_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 3, 2, false>(p); }
KERNEL_BLOCKS(softmax_wgmma_x3_d64_tilt_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 3, 2, true>(p); }
KERNEL(softmax_wgmma_x3_any_f32, softmax_mma_params, WGMMA_THREADS) { scan_group_streaming<SumRows, 3, false>(p); }
KERNEL(softmax_wgmma_x3_any_tilt_f32, softmax_mma_params, WGMMA_THREADS) { scan_group_streaming<SumRows, 3, true>(p); }
KERNEL_BLOCKS(softmax_wgmma_x1_d32_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 1, 1, false>(p); }
KERNEL_BLOCKS(softmax_wgmma_x1_d32_tilt_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 1, 1, true>(p); }
KERNEL_BLOCKS(softmax_wgmma_x1_d64_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 1, 2, false>(p); }
KERNEL_BLOCKS(softmax_wgmma_x1_d64_tilt_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<SumRows, 1, 2, true>(p); }
KERNEL(softmax_wgmma_x1_any_f32, softmax_mma_params, WGMMA_THREADS) { scan_group_streaming<SumRows, 1, false>(p); }
KERNEL(softmax_wgmma_x1_any_tilt_f32, softmax_mma_params, WGMMA_THREADS) { scan_group_streaming<SumRows, 1, true>(p); }
KERNEL_BLOCKS(softmax_wgmma_max_d64_f32, softmax_mma_params, WGMMA_THREADS, 2) { scan_group_resident<MaxRows, 3, 2, true>(p); }
KERNEL(softmax_wgmma_max_any_f32, softmax_mma_params, WGMMA_THREADS) { scan_group_streaming<MaxRows, 3, true>(p); }
