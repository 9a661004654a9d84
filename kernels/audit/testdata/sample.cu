// Kernels of which sample.80.sass is the listing: see audit_test.go.
#include <stdint.h>
struct params { const float *x; float *y; const uint32_t *a; int64_t n; };
extern "C" __global__ void __launch_bounds__(128) sample_mma_f32(const __grid_constant__ params p) {
	float c[4] = {0, 0, 0, 0};
#pragma unroll 1
	for (int64_t i = 0; i < p.n; i++) {
		const uint4 a = reinterpret_cast<const uint4 *>(p.a)[i * 32 + threadIdx.x];
		const uint2 b = reinterpret_cast<const uint2 *>(p.a)[i * 32 + threadIdx.x + 77];
		asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
			: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
	}
	p.y[threadIdx.x] = c[0] + c[1] + c[2] + c[3];
}
// the tail loop is narrow; the main loop reads 16 bytes
extern "C" __global__ void __launch_bounds__(128) sample_scale_f32(const __grid_constant__ params p) {
	const float4 *x = reinterpret_cast<const float4 *>(p.x);
	float4 *y = reinterpret_cast<float4 *>(p.y);
#pragma unroll 1
	for (int64_t i = threadIdx.x; i < p.n / 4; i += 128) { float4 v = x[i]; v.x *= 3; v.y *= 3; v.z *= 3; v.w *= 3; y[i] = v; }
#pragma unroll 1
	for (int64_t i = p.n / 4 * 4; i < p.n; i++) p.y[i] = 3 * p.x[i];
}
extern "C" __global__ void __launch_bounds__(128) sample_sum_f32(const __grid_constant__ params p) {
	double s = 0;
#pragma unroll 1
	for (int64_t i = threadIdx.x; i < p.n; i += 128) { float v = p.x[i]; if (v > 1e30f) v = exp2f(v); s += v; }
	p.y[threadIdx.x] = (float)s;
}
extern "C" __global__ void __launch_bounds__(128) sample_nest_f32(const __grid_constant__ params p) {
#pragma unroll 1
	for (int64_t i = threadIdx.x; i < p.n; i += 128) {
		float s = p.x[i];
#pragma unroll 1
		for (int64_t k = 0; k < p.n; k += 2) s = fmaf(p.x[k + 1], p.x[i], fmaf(p.x[k], p.x[i], s));
		if (s > 100.f) { s = 0; 
#pragma unroll 1
			for (int64_t k = 0; k < p.n; k++) s = s + exp2f(p.x[k]); }
		p.y[i] = exp2f(s);
	}
}
extern "C" __global__ void __launch_bounds__(128) sample_local_f32(const __grid_constant__ params p) {
	float t[8];
	for (int i = 0; i < 8; i++) t[p.a[i]] = p.x[i];
	p.y[threadIdx.x] = t[p.n & 7];
}
