// adams_trajectory.cu: many Adams steps of a small mixture's flow, a thread a row: what depends on the nodes lies in
// shared memory, the history in device memory, where a row's is a few lines of the cache.
#include "adams.cuh"
#include "mixture_small.cuh"

// Table is a thread's numbers for each node, in shared memory: the node, int_0^1 prod_{m < j} (v - u_m) dv, and the weights of
// the slope there, as adams.cu has them in its lanes.
struct Table {
	double *own;
	enum { NODE, FACTOR, SUM, LOWER, SAME, HIGHER, COLUMNS };
	DEV double &at(int column, int i) const { return own[(column * NODES + i) * ADAMS_TRAJECTORY_THREADS]; }

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

template <class T, int D> DEV void adams_trajectory(const adams_trajectory_params &p) {
	SHARED(double, store, Table::COLUMNS * NODES * ADAMS_TRAJECTORY_THREADS);
	const int64_t row = first_item();
	if (row >= p.rows.n || global<int32_t>(p.rows.status)[row] != ROW_RUNS) return;
	const step_control &control = p.control;
	const int S = (int)p.rows.s;
	const Table table = {store + threadIdx.x};
	const SmallMixture<T, D> m(p.model);
	Global<double> track = global<double>(p.rows.track) + row * TRACK_COUNT;
	Global<double> times = track + TRACK_TIMES, slots = track + TRACK_SLOTS;
	Global<T> hist = global<T>(p.rows.hist) + row * p.rows.slots * S;
	AdamsRun r;
	r.load(track, ROW_RUNS);
	for (int64_t tries = 0; tries < p.tries && r.status == ROW_RUNS; tries++) {
		r.next = land(control, r.u, r.h);
		const double length = r.next - r.u;
		for (int i = 0; i < r.order; i++) table.at(Table::NODE, i) = (times[i] - r.u) / length;
		table.fill(r.order, r.order - 1, length);
		Global<T> fresh = hist + (int)slots[r.known] * S;
		const auto point = [&](int j) {
			double y = hist[j];
			for (int i = 0; i < r.order; i++) y += table.at(Table::SUM, i) * (double)hist[(int)slots[i] * S + j];
			return (double)(T)y;
		};
		const Time c = curve_at(control, r.next);
		double x[D];
#pragma unroll
		for (int j = 0; j < D; j++) x[j] = point(j);
		typename SmallMixture<T, D>::State state;
		m.evaluate(c, x, p.np > 0 || p.ell, state);
#pragma unroll
		for (int j = 0; j < D; j++) fresh[j] = (T)state.v[j];
		for (int q = 1; q <= (int)p.np; q++) {
			double t[D], out[D];
#pragma unroll
			for (int j = 0; j < D; j++) t[j] = point(q * D + j);
			m.tangent(c, x, state, t, out);
#pragma unroll
			for (int j = 0; j < D; j++) fresh[q * D + j] = (T)out[j];
		}
		if (p.ell) fresh[S - 1] = (T)m.divergence(c, x, state);

		const int count = r.nodes();
		table.at(Table::NODE, 0) = 1;
		for (int i = 1; i < count; i++) table.at(Table::NODE, i) = (times[i - 1] - r.u) / length;
		table.fill(count, r.order, length);
		double lower = 0, same = 0, higher = 0;
		for (int first = 0; first < S; first += D) {
			const int end = first + D < S ? first + D : S;
			double e0 = 0, e1 = 0, e2 = 0;
			for (int j = first; j < end; j++) {
				double l = 0, s = 0, g = 0;
				for (int i = 0; i < count; i++) {
					const double slope = i == 0 ? fresh[j] : hist[(int)slots[i - 1] * S + j];
					l += table.at(Table::LOWER, i) * slope;
					s += table.at(Table::SAME, i) * slope;
					g += table.at(Table::HIGHER, i) * slope;
				}
				const double y = hist[j];
				l = error_of(control, l, y), s = error_of(control, s, y), g = error_of(control, g, y);
				e0 += l * l, e1 += s * s, e2 += g * g;
			}
			const double size = (double)(end - first);
			lower = worst_of(lower, sqrt(e0 / size));
			same = worst_of(same, sqrt(e1 / size));
			higher = worst_of(higher, sqrt(e2 / size));
		}
		const int known = r.known;
		if (!r.decide(control, (int)p.order, p.first, lower, same, higher)) continue;
		for (int j = 0; j < S; j++) {
			double y = hist[j] + table.at(Table::SUM, 0) * (double)fresh[j];
			for (int i = 1; i < count; i++) y += table.at(Table::SUM, i) * (double)hist[(int)slots[i - 1] * S + j];
			hist[j] = (T)y;
		}
		// The new slope is the newest; the oldest of a full history gives its place.
		const double place = slots[known];
		const int moved = known < ADAMS_ORDER ? known : ADAMS_ORDER - 1;
		if (known == ADAMS_ORDER) slots[ADAMS_ORDER] = slots[ADAMS_ORDER - 1];
		for (int i = moved; i > 0; i--) times[i] = times[i - 1], slots[i] = slots[i - 1];
		times[0] = r.u, slots[0] = place;
	}
	if (r.status == ROW_ENDED) {
		const int64_t to = (int64_t)track[TRACK_ROW];
		for (int j = 0; j < S; j++) global<T>(p.rows.out)[to * S + j] = hist[j];
		global<double>(p.rows.counts)[2 * to] = r.nfe;
		global<double>(p.rows.counts)[2 * to + 1] = r.rejected;
	}
	r.store(track);
	global<int32_t>(p.rows.status)[row] = r.status;
}

KERNEL(adams_trajectory_d1_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<double, 1>(p); }
KERNEL(adams_trajectory_d1_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<float, 1>(p); }
KERNEL(adams_trajectory_d2_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<double, 2>(p); }
KERNEL(adams_trajectory_d2_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<float, 2>(p); }
KERNEL(adams_trajectory_d3_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<double, 3>(p); }
KERNEL(adams_trajectory_d3_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<float, 3>(p); }
KERNEL(adams_trajectory_d4_f64, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<double, 4>(p); }
KERNEL(adams_trajectory_d4_f32, adams_trajectory_params, ADAMS_TRAJECTORY_THREADS) { adams_trajectory<float, 4>(p); }
