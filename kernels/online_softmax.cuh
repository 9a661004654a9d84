// online_softmax.cuh: the maximum and the sum of exponentials of numbers that come one after another, and
// the merging of two such states.
//
// Source: Milakov, Gimelshein, Online normalizer calculation for softmax, arXiv 1805.02867.
#pragma once
#include "kernel.cuh"

// Online is the state after some z_j: most = max z_j at its first index arg, sum = sum exp(z_j - most).
struct Online {
	double most, sum;
	int32_t arg; // -1 where all are -inf
	int32_t nan; // 1 where one is NaN; it counts nowhere else
};

DEV Online online_empty() { return {minus_infinity(), 0, -1, 0}; }

// online_add takes z_j in, of a larger index than all before.
template <class T> DEV void online_add(Online &s, double z, int64_t j) {
	if (isnan(z)) {
		s.nan = 1;
	} else if (z > s.most) {
		s.sum = s.sum * exp_as<T>(s.most - z) + 1;
		s.most = z;
		s.arg = (int32_t)j;
	} else {
		// Equal infinities have no difference. At -inf the sum counts nothing: the next maximum clears it.
		s.sum += z == s.most ? 1 : exp_as<T>(z - s.most);
	}
}

// online_merge takes the state of other indices in.
template <class T> DEV void online_merge(Online &s, const Online &o) {
	const bool larger = o.most > s.most || (o.most == s.most && o.arg >= 0 && o.arg < s.arg);
	const double most = larger ? o.most : s.most;
	const double own = s.most == most ? s.sum : s.sum * exp_as<T>(s.most - most);
	const double others = o.most == most ? o.sum : o.sum * exp_as<T>(o.most - most);
	s.sum = own + others;
	s.most = most;
	if (larger) s.arg = o.arg;
	s.nan |= o.nan;
}

// online_merge_lanes merges the states of groups of width lanes in a fixed tree. All lanes of the warp call it.
template <class T> DEV void online_merge_lanes(Online &s, int width) {
	for (int o = width / 2; o > 0; o /= 2) {
		Online other;
		other.most = __shfl_xor_sync(ALL_LANES, s.most, o);
		other.sum = __shfl_xor_sync(ALL_LANES, s.sum, o);
		other.arg = __shfl_xor_sync(ALL_LANES, s.arg, o);
		other.nan = __shfl_xor_sync(ALL_LANES, s.nan, o);
		online_merge<T>(s, other);
	}
}

// online_lse returns ln sum exp z_j: -inf without numbers, NaN where one is NaN.
DEV double online_lse(const Online &s) {
	if (s.nan) return not_a_number();
	return isinf(s.most) ? s.most : s.most + log(s.sum);
}

// online_inverse returns the factor that turns exp(z_j - most) into weights of sum 1; 0 where all are -inf.
DEV double online_inverse(const Online &s) {
	if (s.nan || s.most == -minus_infinity()) return not_a_number();
	return s.most == minus_infinity() ? 0 : 1 / s.sum;
}
