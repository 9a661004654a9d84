// adams_trajectory.cu: many Adams steps of a mixture's flow. In up to 4 dimensions a thread has a row, in up to 32 a team of
// lanes. What depends on the nodes lies in shared memory, the history in device memory, where a row's is some lines of the cache.
#include "adams.cuh"
#include "trajectory.cuh"

// ThreadNodes are the slopes behind a row's step, as TeamNodes, for a thread that has all of them: in shared memory, for each,
// the node, int_0^1 prod_{m < j} (v - u_m) dv, and the weights of the slope there.
struct ThreadNodes {
	enum { NODE, FACTOR, SUM, LOWER, SAME, HIGHER, COLUMNS };
	static constexpr int STORE = COLUMNS * NODES; // float64 numbers of shared memory a thread

	double *own;
	Global<double> times = nullptr, slots = nullptr; // of the history, in the track
	int known = 0, fresh = 0;                        // slopes in the history, and the slot of the one in the making
	int ahead = 0;                                   // nodes before those of the history

	DEV ThreadNodes(double *store, int) : own(store + threadIdx.x) {}
	DEV void load(Global<double> track) { times = track + TRACK_TIMES, slots = track + TRACK_SLOTS; }
	DEV void store(Global<double>) const {}

	DEV double &at(int column, int i) const { return own[(column * NODES + i) * ADAMS_TRAJECTORY_THREADS]; }
	DEV double sum(int i) const { return at(SUM, i); }
	DEV double lower(int i) const { return at(LOWER, i); }
	DEV double same(int i) const { return at(SAME, i); }
	DEV double higher(int i) const { return at(HIGHER, i); }
	DEV int slot(int i) const { return i < ahead ? fresh : (int)slots[i - ahead]; }

	DEV void predict(const AdamsRun &r) {
		place(r, 0, r.order);
		fill(r.order, r.order - 1, r.next - r.u);
	}
	DEV void correct(const AdamsRun &r) {
		at(NODE, 0) = 1;
		place(r, 1, r.nodes());
		fill(r.nodes(), r.order, r.next - r.u);
	}
	DEV void join(double u) {
		const int moved = known < ADAMS_ORDER ? known : ADAMS_ORDER - 1;
		if (known == ADAMS_ORDER) slots[ADAMS_ORDER] = slots[ADAMS_ORDER - 1];
		for (int i = moved; i > 0; i--) times[i] = times[i - 1], slots[i] = slots[i - 1];
		times[0] = u, slots[0] = fresh;
	}

	// place sets count nodes, of which the first few are ahead of the history's.
	DEV void place(const AdamsRun &r, int first, int count) {
		known = r.known, ahead = first, fresh = (int)slots[known];
		for (int i = first; i < count; i++) at(NODE, i) = (times[i - first] - r.u) / (r.next - r.u);
	}

	// fill finds the weights for the first count nodes: sum_{j <= top} g_j w_ji, and g_j w_ji for j = top - 1, top, top + 1.
	DEV void fill(int count, int top, double length) const {
		double node[8], product[8];
#pragma unroll
		for (int q = 0; q < 8; q++) gauss8(q, node[q], product[q]);
		for (int j = 0; j < count; j++) {
			const double u = at(NODE, j);
			double sum = 0;
#pragma unroll
			for (int q = 0; q < 8; q++) {
				sum += product[q];
				product[q] *= node[q] - u;
			}
			at(FACTOR, j) = sum;
		}
		for (int i = 0; i < count; i++) {
			const double u = at(NODE, i);
			double w = 1, sum = 0, lower = 0, same = 0, higher = 0;
			for (int j = 0; j < count; j++) {
				if (j != i) w *= 1 / (u - at(NODE, j));
				if (j < i) continue;
				const double term = at(FACTOR, j) * w;
				if (j <= top) sum += term;
				if (j == top - 1) lower = term;
				if (j == top) same = term;
				if (j == top + 1) higher = term;
			}
			at(SUM, i) = length * sum;
			at(LOWER, i) = length * lower, at(SAME, i) = length * same, at(HIGHER, i) = length * higher;
		}
	}
};

template <class T, class M, class N, int THREADS> DEV void adams_trajectory(const adams_trajectory_params &p) {
	SHARED(double, store, N::STORE * THREADS / M::LANES);
	const step_control &control = p.control;
	const StepRow<T> row(p.rows, p.model.d, M::LANES);
	if (!row.any(row.runs)) return;
	const int64_t S = p.rows.s;
	Global<T> hist = row.hist;
	const M m(p.model);
	N nodes(store, M::LANES);
	nodes.load(row.track);
	AdamsRun r;
	row.enter(r);
	for (int64_t tries = 0; tries < p.tries && row.any(r.status == ROW_RUNS); tries++) {
		const bool goes = r.status == ROW_RUNS; // else the team keeps step and writes nothing
		if (goes) r.next = land(control, r.u, r.h);
		nodes.predict(r);
		slope(
		    m, curve_at(control, r.next), (int)p.np, p.ell,
		    [&](int64_t j) {
			    double y = hist[j];
			    for (int i = 0; i < r.order; i++) y += nodes.sum(i) * (double)hist[nodes.slot(i) * S + j];
			    return (double)(T)y;
		    },
		    [&](int64_t j, double v) {
			    if (goes) hist[nodes.fresh * S + j] = (T)v;
		    });
		nodes.correct(r);
		const int count = r.nodes();
		double err[3];
		row.norms(err, goes, [&](int64_t j, double (&e)[3]) {
			adams_errors(control, nodes, count, hist[j], [&](int i) { return (double)hist[nodes.slot(i) * S + j]; }, e);
		});
		if (!goes || !r.decide(control, (int)p.order, p.first, err)) continue;
		row.numbers([&](int64_t j) {
			double y = hist[j];
			for (int i = 0; i < count; i++) y += nodes.sum(i) * (double)hist[nodes.slot(i) * S + j];
			hist[j] = (T)y;
		});
		nodes.join(r.u);
	}
	if (!row.runs) return;
	row.finish(r, [&](int64_t j) { return hist[j]; });
	nodes.store(row.track);
	row.leave(r);
}

template <class T, int D> DEV void by_threads(const adams_trajectory_params &p) {
	adams_trajectory<T, SmallMixture<T, D>, ThreadNodes, ADAMS_TRAJECTORY_THREADS>(p);
}
template <class T, int LANES> DEV void by_teams(const adams_trajectory_params &p) {
	adams_trajectory<T, TeamMixture<T, LANES>, TeamNodes, WARP_THREADS>(p);
}

KERNEL(adams_trajectory_d1_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<double, 1>(p); }
KERNEL(adams_trajectory_d1_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<float, 1>(p); }
KERNEL(adams_trajectory_d2_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<double, 2>(p); }
KERNEL(adams_trajectory_d2_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<float, 2>(p); }
KERNEL(adams_trajectory_d3_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<double, 3>(p); }
KERNEL(adams_trajectory_d3_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<float, 3>(p); }
KERNEL(adams_trajectory_d4_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<double, 4>(p); }
KERNEL(adams_trajectory_d4_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { by_threads<float, 4>(p); }
KERNEL(adams_trajectory_d16_f64, adams_trajectory_params, WARP_THREADS) { by_teams<double, 16>(p); }
KERNEL(adams_trajectory_d16_f32, adams_trajectory_params, WARP_THREADS) { by_teams<float, 16>(p); }
KERNEL(adams_trajectory_d32_f64, adams_trajectory_params, WARP_THREADS) { by_teams<double, 32>(p); }
KERNEL(adams_trajectory_d32_f32, adams_trajectory_params, WARP_THREADS) { by_teams<float, 32>(p); }
