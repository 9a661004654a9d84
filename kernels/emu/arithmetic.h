// arithmetic.h: CUDA's arithmetic built-ins that C's math.h lacks. Part of device.h.
#pragma once

template <class A, class B> inline auto min(A a, B b) -> std::common_type_t<A, B> {
	using T = std::common_type_t<A, B>;
	if constexpr (std::is_floating_point_v<T>) return (T)::fmin((T)a, (T)b); // a NaN loses
	else return (T)a < (T)b ? (T)a : (T)b;
}
template <class A, class B> inline auto max(A a, B b) -> std::common_type_t<A, B> {
	using T = std::common_type_t<A, B>;
	if constexpr (std::is_floating_point_v<T>) return (T)::fmax((T)a, (T)b);
	else return (T)a > (T)b ? (T)a : (T)b;
}

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
// g++ contracts no product and sum by default into one rounding for the processors that every build runs on.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __frcp_rn(float a) { return 1 / a; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float a) { return a > 1 ? 1.f : a > 0 ? a : 0.f; }
inline float rsqrtf(float a) { return 1 / sqrtf(a); }
inline double rsqrt(double a) { return 1 / sqrt(a); }
// C's math.h may declare some of these, as __NAME for internal use: the macros keep clear of that.
#define __expf(x) expf(x)
#define __exp2f(x) exp2f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __powf(x, y) powf(x, y)
inline void emu_sincospi(double x, double *s, double *c) {
	const double r = x - 2 * rint(x / 2); // exact, in [-1, 1]
	const double a = r - rint(2 * r) / 2, q = rint(2 * r);
	const double sa = sin(M_PI * a), ca = cos(M_PI * a);
	switch ((int)q & 3) {
	case 0: *s = sa, *c = ca; break;
	case 1: *s = ca, *c = -sa; break;
	case 2: *s = -sa, *c = -ca; break;
	default: *s = -ca, *c = sa;
	}
}
inline void sincospi(double x, double *s, double *c) { emu_sincospi(x, s, c); }
inline double sinpi(double x) {
	double s, c;
	emu_sincospi(x, &s, &c);
	return s;
}
inline double cospi(double x) {
	double s, c;
	emu_sincospi(x, &s, &c);
	return c;
}
inline void sincospif(float x, float *s, float *c) { *s = (float)sinpi(x), *c = (float)cospi(x); }
inline float sinpif(float x) { return (float)sinpi(x); }
inline float cospif(float x) { return (float)cospi(x); }

template <class To, class From> inline To emu_bits(From v) {
	static_assert(sizeof(To) == sizeof(From), "");
	To r;
	__builtin_memcpy(&r, &v, sizeof r);
	return r;
}
inline int __float_as_int(float v) { return emu_bits<int>(v); }
inline unsigned __float_as_uint(float v) { return emu_bits<unsigned>(v); }
inline float __int_as_float(int v) { return emu_bits<float>(v); }
inline float __uint_as_float(unsigned v) { return emu_bits<float>(v); }
inline long long __double_as_longlong(double v) { return emu_bits<long long>(v); }
inline double __longlong_as_double(long long v) { return emu_bits<double>(v); }
inline int __float2int_rn(float v) { return (int)lrintf(v); }
inline int __double2int_rn(double v) { return (int)lrint(v); }

inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
	return (unsigned long long)((unsigned __int128)a * b >> 64);
}

// Loads and stores with a hint to the caches.
template <class T> inline T __ldg(const T *p) { return *p; }
template <class T> inline T __ldcs(const T *p) { return *p; }
template <class T> inline T __ldcg(const T *p) { return *p; }
template <class T> inline void __stcs(T *p, T v) { *p = v; }
template <class T> inline void __stcg(T *p, T v) { *p = v; }
