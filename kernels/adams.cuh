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
struct AdamsRun : Run {
	int order;

	DEV void load(Global<const double> t, int state) {
		Run::load(t, state);
		order = (int)t[TRACK_ORDER];
	}
	DEV void store(Global<double> t) const {
		Run::store(t);
		t[TRACK_ORDER] = order;
	}

	// nodes is the count of slopes behind the corrector, the new one in front.
	DEV int nodes() const { return (known < order + 1 ? known : order + 1) + 1; }

	// decide accepts or rejects the step from the errors of orders order - 1, order and order + 1, and chooses the next one's
	// order and length: the largest step among the orders wins.
	DEV bool decide(const step_control &p, int most, double first, const double (&err)[3]) {
		const bool accepted = err[1] <= 1; // false for NaN
		const int k = order;
		double best = factor(p, err[1], k);
		if (k > 1) {
			const double other = factor(p, err[0], k - 1);
			if (other > best) best = other, order = k - 1;
		}
		if (accepted && k < most && known > k) {
			const double other = factor(p, err[2], k + 1);
			if (other > best) best = other, order = k + 1;
		}
		// A first step is a guess, and its error a sure guide.
		h = fabs(next - u) * clip(p, best, known == 1 ? first : p.shrink, accepted, retries > 0);
		nfe += 1;
		if (accepted && known < ADAMS_ORDER) known++;
		if (!settle(p, accepted)) return false;
		if (status == ROW_RUNS && (p.end > p.start ? u >= stop : u <= stop)) status = ROW_WAITS; // not for NaN
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

// TeamNodes are the slopes behind a row's step for a team of lanes, of 16 at least: lane m has node m. What every lane asks of a
// node lies in shared memory: the weights of its slope in the last prediction or correction, and the slope's slot.
// All lanes of the warp call predict and correct.
struct TeamNodes {
	static constexpr int STORE = 4 * NODES + (NODES + 1) / 2; // float64 numbers of shared memory a team

	int lanes, lane;
	double *weight[4]; // [NODES] each: sum, lower, same, higher
	int *slots;        // [NODES]
	double time = 0;   // of the lane's slope in the history, and its slot
	int place = 0;
	double newer = 0; // the same of the lane below
	int above = 0;
	int known = 0, fresh = 0, oldest = 0; // slopes in the history; slots of the one in the making, and of the oldest of a full one

	DEV TeamNodes(double *store, int lanes) : lanes(lanes), lane(threadIdx.x % lanes) {
		store += threadIdx.x / lanes * STORE;
#pragma unroll
		for (int i = 0; i < 4; i++) weight[i] = store + i * NODES;
		slots = reinterpret_cast<int *>(store + 4 * NODES);
	}
	DEV void load(Global<const double> track) {
		if (lane < NODES) time = track[TRACK_TIMES + lane], place = (int)track[TRACK_SLOTS + lane];
	}
	DEV void store(Global<double> track) const {
		if (lane < NODES) track[TRACK_TIMES + lane] = time, track[TRACK_SLOTS + lane] = place;
	}

	DEV double sum(int i) const { return weight[0][i]; }
	DEV double lower(int i) const { return weight[1][i]; }
	DEV double same(int i) const { return weight[2][i]; }
	DEV double higher(int i) const { return weight[3][i]; }
	DEV int slot(int i) const { return slots[i]; }

	// predict weighs the last r.order slopes.
	DEV void predict(const AdamsRun &r) {
		const double length = r.next - r.u;
		const Weights w = weights((time - r.u) / length, r.order, r.order - 1, lanes);
		fresh = __shfl_sync(ALL_LANES, place, r.known, lanes);
		__syncwarp(); // the last weights have been read
		if (lane < NODES) weight[0][lane] = length * w.sum, slots[lane] = place;
		__syncwarp();
	}
	// correct weighs the new slope and the r.nodes() - 1 before it.
	DEV void correct(const AdamsRun &r) {
		const double length = r.next - r.u;
		known = r.known;
		fresh = __shfl_sync(ALL_LANES, place, known, lanes);
		oldest = __shfl_sync(ALL_LANES, place, ADAMS_ORDER - 1, lanes);
		newer = __shfl_up_sync(ALL_LANES, time, 1, lanes);
		above = __shfl_up_sync(ALL_LANES, place, 1, lanes);
		const Weights w = weights(lane == 0 ? 1 : (newer - r.u) / length, r.nodes(), r.order, lanes);
		__syncwarp(); // the last weights have been read
		if (lane < NODES) {
			weight[0][lane] = length * w.sum, weight[1][lane] = length * w.lower;
			weight[2][lane] = length * w.same, weight[3][lane] = length * w.higher;
			slots[lane] = lane == 0 ? fresh : above;
		}
		__syncwarp();
	}
	// join puts the slope of a step to u in front. The oldest of a full history gives its place.
	DEV void join(double u) {
		if (lane == 0) time = u, place = fresh;
		else if (lane <= (known < ADAMS_ORDER ? known : ADAMS_ORDER - 1)) time = newer, place = above;
		else if (known == ADAMS_ORDER && lane == ADAMS_ORDER) place = oldest;
	}
};

// adams_errors sets e to the errors of orders order - 1, order and order + 1 at a number of a state that is y, in units of the
// tolerance. slope(i) is the number of the slope at node i.
template <class N, class F> DEV void adams_errors(const step_control &p, const N &nodes, int count, double y, F slope, double (&e)[3]) {
	e[0] = e[1] = e[2] = 0;
	for (int i = 0; i < count; i++) {
		const double x = slope(i);
		e[0] += nodes.lower(i) * x, e[1] += nodes.same(i) * x, e[2] += nodes.higher(i) * x;
	}
#pragma unroll
	for (int i = 0; i < 3; i++) e[i] = error_of(p, e[i], y);
}
