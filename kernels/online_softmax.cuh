// online_softmax.cuh: the maximum and the sum of exponentials of numbers that come a few at a time, and the merging
// of such states.
//
// Source: Milakov, Gimelshein, Online normalizer calculation for softmax, arXiv 1805.02867. In float32 exponentials
// are powers of 2, with log2(e) folded into the one multiplication that also subtracts the reference (Dao, FlashAttention-2,
// arXiv 2307.08691).
#pragma once
#include "kernel.cuh"

constexpr float LOG2_E = 1.44269504f;

#ifdef __CUDACC__
DEV float exp2_approx(float x) { // within 2^-22 of 2^x, relatively; numbers below 2^-126 become 0
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}
#else
DEV float exp2_approx(float x) { return exp2f(x); }
#endif

// reference returns what exponents are relative to where the largest z is most: in float32 in units of ln 2. It is
// finite, so that infinities have differences from it: exp(z - reference) is 0 for -inf and inf for inf.
DEV float reference(float most) { return fminf(fmaxf(most * LOG2_E, -0x1p126f), 0x1p126f); }
DEV double reference(double most) { return fmin(fmax(most, -0x1p1022), 0x1p1022); }

// residue returns what a float32 reference misses by rounding, where that is more than a bit of an exponent and has to
// be subtracted, too; else 0.
DEV bool rounded(float ref) { return fabsf(ref) > 0x1p24f && fabsf(ref) < 0x1p126f; }
DEV bool rounded(double) { return false; }
DEV float residue(float most, float ref) { return rounded(ref) ? fmaf(most, LOG2_E, -ref) : 0; }
DEV double residue(double, double) { return 0; }

// natural returns the z that exponents are relative to.
DEV double natural(float most) { return ((double)reference(most) + (double)residue(most, reference(most))) / (double)LOG2_E; }
DEV double natural(double most) { return reference(most); }

// power returns exp(z - reference).
DEV float power(float z, float ref) { return exp2_approx(fmaf(z, LOG2_E, -ref)); }
DEV double power(double z, double ref) { return exp(z - ref); }
DEV float power(float z, float ref, float rest) { return exp2_approx(fmaf(z, LOG2_E, -ref) - rest); }
DEV double power(double z, double ref, double) { return exp(z - ref); }

// ratio returns exp(x) for a difference of references.
DEV float ratio(float x) { return exp2_approx(x); }
DEV double ratio(double x) { return exp(x); }

DEV float larger(float a, float b) { return fmaxf(a, b); } // of NaN the other
DEV double larger(double a, double b) { return fmax(a, b); }

// Online is the state after some z_j: most = max z_j at its first index arg, sum = sum exp(z_j - ref). NaN where one
// is NaN shows in the sum.
template <class T> struct Online {
	T most, ref, sum;
	int32_t arg; // -1 where all are -inf

	DEV void clear() {
		most = (T)minus_infinity();
		ref = reference(most);
		sum = 0;
		arg = -1;
	}

	// rebase changes the reference to that of a larger number and calls scale(f) for other sums to follow.
	template <class F> DEV void rebase(T z, F scale) {
		const T to = reference(z), f = ratio((ref - to) + (residue(most, ref) - residue(z, to)));
		most = z;
		ref = to;
		sum *= f;
		scale(f);
	}

	// take takes z_j in for j = first + step c, all larger than those before, and leaves exp(z_j - ref) in z.
	// The index is kept only where args.
	template <int C, class F> DEV void take(T (&z)[C], int32_t first, int step, bool args, F scale) {
		T top = z[0];
#pragma unroll
		for (int c = 1; c < C; c++) top = larger(top, z[c]);
		if (top > most) {
			if (args) {
#pragma unroll
				for (int c = C - 1; c >= 0; c--)
					if (z[c] == top) arg = first + step * c;
			}
			rebase(top, scale);
		}
		if (rounded(ref)) {
			const T rest = residue(most, ref);
#pragma unroll
			for (int c = 0; c < C; c++) z[c] = power(z[c], ref, rest);
		} else {
#pragma unroll
			for (int c = 0; c < C; c++) z[c] = power(z[c], ref);
		}
		T part = z[0];
#pragma unroll
		for (int c = 1; c < C; c++) part += z[c];
		sum += part;
	}

	// add takes one z_j in, of a larger index than all before.
	DEV void add(T z, int64_t j) {
		T one[1] = {z};
		take(one, (int32_t)j, 0, true, [](T) {});
	}

	// merge takes in the largest z and the sum of numbers of other indices; the index is left as it is.
	DEV void merge(T other, T others) {
		if (other > most) rebase(other, [](T) {});
		const T from = reference(other);
		sum += others * ratio((from - ref) + (residue(other, from) - residue(most, ref)));
	}

	// lse returns ln sum exp z_j: -inf without numbers, NaN where one is NaN.
	DEV double lse() const { return natural(most) + log((double)sum); }

	// merge_lanes merges the states of groups of WIDTH lanes in a fixed tree; every lane has the result. Other sums
	// follow by scale(f), and are still to be added up. All lanes of the warp call it.
	template <int WIDTH, class F> DEV void merge_lanes(F scale) {
		T top = most;
#pragma unroll
		for (int o = WIDTH / 2; o > 0; o /= 2) top = larger(top, __shfl_xor_sync(ALL_LANES, top, o));
		uint32_t at = most == top ? (uint32_t)arg : ~0u; // -1 comes last
#pragma unroll
		for (int o = WIDTH / 2; o > 0; o /= 2) at = min(at, __shfl_xor_sync(ALL_LANES, at, o));
		arg = (int32_t)at;
		rebase(top, scale);
		sum = add_lanes<WIDTH>(sum);
	}

	// add_lanes adds x over groups of WIDTH lanes.
	template <int WIDTH> static DEV T add_lanes(T x) {
#pragma unroll
		for (int o = WIDTH / 2; o > 0; o /= 2) x += __shfl_xor_sync(ALL_LANES, x, o);
		return x;
	}
};
