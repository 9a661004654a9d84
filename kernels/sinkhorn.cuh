// sinkhorn.cuh: what the one-product forms of a Sinkhorn iteration share.
#pragma once
#include "online_softmax.cuh"

DEV float fused(float a, float b, float c) { return fmaf(a, b, c); }
DEV double fused(double a, double b, double c) { return fma(a, b, c); }
