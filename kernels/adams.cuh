// adams.cuh: what the kernels of Adams steps share: nodes of quadrature, the decision on a step, and the weights of slopes.
#pragma once
#include "control.cuh"

constexpr int NODES = ADAMS_ORDER + 1; // slopes behind a corrector that also estimates the next order's error

// gauss8 returns node and weight i of Gauss-Legendre quadrature on [0, 1], exact to degree 15; weight 0 past the 8.
DEV void gauss8(int i, double &node, double &weight) {
	const int k = i < 4 ? i : 7 - i;
	node = k == 0 ? 0.019855071751231884 : k == 1 ? 0.10166676129318664 : k == 2 ? 0.23723379504183550 : 0.40828267875217510;
	weight = k == 0 ? 0.050614268145188130 : k == 1 ? 0.11119051722668724 : k == 2 ? 0.15685332293894364 : 0.18134189168918100;
	if (i >= 4) node = 1 - node;
	if (i >= 8) weight = 0;
}

// AdamsRun is a row's track without the times and slots of its history.
struct AdamsRun {
	double u, h, next, stop;
	double steps, retries, nfe, rejected;
	int order, known, status;

	DEV void load(Global<const double> t, int state) {
		u = t[TRACK_U], h = t[TRACK_H], next = t[TRACK_NEXT], stop = t[TRACK_STOP];
		steps = t[TRACK_STEPS], retries = t[TRACK_RETRIES], nfe = t[TRACK_NFE], rejected = t[TRACK_REJECTED];
		order = (int)t[TRACK_ORDER], known = (int)t[TRACK_KNOWN], status = state;
	}
	DEV void store(Global<double> t) const {
		t[TRACK_U] = u, t[TRACK_H] = h, t[TRACK_NEXT] = next;
		t[TRACK_STEPS] = steps, t[TRACK_RETRIES] = retries, t[TRACK_NFE] = nfe, t[TRACK_REJECTED] = rejected;
		t[TRACK_ORDER] = order, t[TRACK_KNOWN] = known;
	}

	// nodes is the count of slopes behind the corrector, the new one in front.
	DEV int nodes() const { return (known < order + 1 ? known : order + 1) + 1; }

	// decide accepts or rejects the step from the errors of orders order - 1, order and order + 1, and chooses the next one's
	// order and length: the largest step among the orders wins.
	DEV bool decide(const step_control &p, int most, double first, double lower, double same, double higher) {
		const bool accepted = same <= 1; // false for NaN
		const int k = order;
		double best = factor(p, same, k);
		if (k > 1) {
			const double other = factor(p, lower, k - 1);
			if (other > best) best = other, order = k - 1;
		}
		if (accepted && k < most && known > k) {
			const double other = factor(p, higher, k + 1);
			if (other > best) best = other, order = k + 1;
		}
		// A first step is a guess, and its error a sure guide.
		h = fabs(next - u) * clip(p, best, known == 1 ? first : p.shrink, accepted, retries > 0);
		nfe += 1;
		if (!accepted) {
			retries += 1, rejected += 1;
			if (h < p.least) status = ROW_BROKEN;
			return false;
		}
		if (known < ADAMS_ORDER) known++;
		u = next, steps += 1, retries = 0;
		if (u == p.end)
			status = ROW_ENDED;
		else if (p.end > p.start ? u >= stop : u <= stop) // not for NaN
			status = ROW_WAITS;
		return true;
	}
};

// Weights are those of the slope at lane's node in the integral of the polynomial through the first nodes: sum_{j <= top}
// g_j w_ji, and g_j w_ji for j = top - 1, top and top + 1, with
//
//	w_ji = 1 / prod_{m <= j, m != i} (u_i - u_m),   g_j = int_0^1 prod_{m < j} (v - u_m) dv.
struct Weights {
	double sum, lower, same, higher;
};

// weights: u is the lane's node, count how many there are. All lanes of the warp call it.
DEV Weights weights(double u, int count, int top, int lanes) {
	const int lane = threadIdx.x % lanes;
	double v, product, w = 1;
	gauss8(lane, v, product);
	Weights o = {0, 0, 0, 0};
	for (int j = 0; j < NODES && __any_sync(ALL_LANES, j < count); j++) {
		const double uj = __shfl_sync(ALL_LANES, u, j, lanes);
		const double g = __shfl_sync(ALL_LANES, sum_lanes(product, 8), 0, lanes);
		if (lane != j) w *= 1 / (u - uj);
		if (lane <= j && j < count) {
			const double term = g * w;
			if (j <= top) o.sum += term;
			if (j == top - 1) o.lower = term;
			if (j == top) o.same = term;
			if (j == top + 1) o.higher = term;
		}
		product *= v - uj;
	}
	return o;
}

// Nodes are a team's weights and slots of slopes, in shared memory.
struct Nodes {
	double *sum, *lower, *same, *higher; // [NODES]
	int *slot;
};
