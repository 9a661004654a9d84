// sinkhorn.cuh: what the one-product forms of a Sinkhorn iteration share.
#pragma once
#include "online_softmax.cuh"

// least is the smallest sum of a column that has not lost digits to underflow in its terms.
template <class T> constexpr double least = sizeof(T) == 8 ? 1e-290 : 1e-30;

DEV float fused(float a, float b, float c) { return fmaf(a, b, c); }
DEV double fused(double a, double b, double c) { return fma(a, b, c); }
