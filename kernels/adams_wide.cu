// adams_wide.cu: many Adams steps of a mixture's flow in up to 32 dimensions, a team of lanes a row: lane m has node m of
// the divided differences and a coordinate of every vector. The history lies in device memory, where a row's is some lines
// of the cache.
#include "adams.cuh"
#include "mixture_team.cuh"

template <class T, int LANES> DEV void adams_wide(const adams_trajectory_params &p) {
	constexpr int TEAMS = WARP_THREADS / LANES;
	SHARED(double, store, TEAMS * 4 * NODES);
	SHARED(int, places, TEAMS * NODES);
	const step_control &control = p.control;
	const int64_t S = p.rows.s, D = p.model.d;
	const int lane = threadIdx.x % LANES, team = threadIdx.x / LANES;
	const int64_t row = block_id() * TEAMS + team, at = row < p.rows.n ? row : 0;
	double *own = store + team * 4 * NODES;
	const Nodes nodes = {own, own + NODES, own + 2 * NODES, own + 3 * NODES, places + team * NODES};
	Global<int32_t> states = global<int32_t>(p.rows.status);
	const int state = row < p.rows.n ? states[at] : ROW_ENDED;
	const bool runs = state == ROW_RUNS;
	if (!__any_sync(ALL_LANES, runs)) return;

	Global<double> track = global<double>(p.rows.track) + at * TRACK_COUNT;
	Global<T> hist = global<T>(p.rows.hist) + at * p.rows.slots * S;
	const TeamMixture<T, LANES> m(p.model);
	AdamsRun r;
	r.load(track, state);
	double time = lane < NODES ? track[TRACK_TIMES + lane] : 0;
	int slot = lane < NODES ? (int)track[TRACK_SLOTS + lane] : 0;
	for (int64_t tries = 0; tries < p.tries && __any_sync(ALL_LANES, r.status == ROW_RUNS); tries++) {
		const bool goes = r.status == ROW_RUNS; // else the team keeps step and writes nothing
		if (goes) r.next = land(control, r.u, r.h);
		const double length = r.next - r.u;
		const Weights old = weights((time - r.u) / length, r.order, r.order - 1, LANES);
		__syncwarp(); // the last corrector's weights have been read
		if (lane < NODES) nodes.sum[lane] = length * old.sum, nodes.slot[lane] = slot;
		__syncwarp();
		const int known = r.known, fresh = __shfl_sync(ALL_LANES, slot, known, LANES);
		// point is a coordinate of where the next slope is wanted, of the vector that begins at number first of a state.
		const auto point = [&](int64_t first) {
			if (lane >= D) return 0.0;
			double y = hist[first + lane];
			for (int i = 0; i < r.order; i++) y += nodes.sum[i] * (double)hist[nodes.slot[i] * S + first + lane];
			return (double)(T)y;
		};
		const auto put = [&](int64_t first, double slope) {
			if (goes && lane < D) hist[fresh * S + first + lane] = (T)slope;
		};
		const Time c = curve_at(control, r.next);
		typename TeamMixture<T, LANES>::Row at_row;
		put(0, m.evaluate(c, point(0), p.np > 0 || p.ell, at_row));
		for (int64_t q = 1; q <= p.np; q++) put(q * D, m.tangent(c, at_row, point(q * D)));
		if (p.ell) {
			const double divergence = m.divergence(c, at_row);
			if (goes && lane == 0) hist[fresh * S + S - 1] = (T)divergence;
		}

		const int count = r.nodes();
		const double before = __shfl_up_sync(ALL_LANES, time, 1, LANES);
		const int behind = __shfl_up_sync(ALL_LANES, slot, 1, LANES);
		const int last = __shfl_sync(ALL_LANES, slot, ADAMS_ORDER - 1, LANES);
		const Weights w = weights(lane == 0 ? 1 : (before - r.u) / length, count, r.order, LANES);
		__syncwarp(); // the predictor's weights have been read
		if (lane < NODES) {
			nodes.sum[lane] = length * w.sum;
			nodes.lower[lane] = length * w.lower, nodes.same[lane] = length * w.same, nodes.higher[lane] = length * w.higher;
			nodes.slot[lane] = lane == 0 ? fresh : behind;
		}
		__syncwarp();
		double lower = 0, same = 0, higher = 0;
		for (int64_t first = 0; first < S; first += D) {
			const int64_t end = first + D < S ? first + D : S, j = first + lane;
			double e0 = 0, e1 = 0, e2 = 0;
			if (goes && j < end) {
				for (int i = 0; i < count; i++) {
					const double slope = hist[nodes.slot[i] * S + j];
					e0 += nodes.lower[i] * slope, e1 += nodes.same[i] * slope, e2 += nodes.higher[i] * slope;
				}
				const double y = hist[j];
				e0 = error_of(control, e0, y), e1 = error_of(control, e1, y), e2 = error_of(control, e2, y);
			}
			const double size = (double)(end - first);
			lower = worst_of(lower, sqrt(sum_lanes(e0 * e0, LANES) / size));
			same = worst_of(same, sqrt(sum_lanes(e1 * e1, LANES) / size));
			higher = worst_of(higher, sqrt(sum_lanes(e2 * e2, LANES) / size));
		}
		if (!goes || !r.decide(control, (int)p.order, p.first, lower, same, higher)) continue;
		for (int64_t first = 0; first < S; first += D) {
			const int64_t end = first + D < S ? first + D : S, j = first + lane;
			if (j >= end) continue;
			double y = hist[j];
			for (int i = 0; i < count; i++) y += nodes.sum[i] * (double)hist[nodes.slot[i] * S + j];
			hist[j] = (T)y;
		}
		// The new slope is the newest; the oldest of a full history gives its place.
		if (lane == 0) time = r.u, slot = fresh;
		else if (lane <= (known < ADAMS_ORDER ? known : ADAMS_ORDER - 1)) time = before, slot = behind;
		else if (known == ADAMS_ORDER && lane == ADAMS_ORDER) slot = last;
	}
	if (!runs) return;
	if (r.status == ROW_ENDED) {
		const int64_t to = (int64_t)track[TRACK_ROW];
		for (int64_t first = 0; first < S; first += D) {
			const int64_t end = first + D < S ? first + D : S, j = first + lane;
			if (j < end) global<T>(p.rows.out)[to * S + j] = hist[j];
		}
		if (lane == 0) global<double>(p.rows.counts)[2 * to] = r.nfe, global<double>(p.rows.counts)[2 * to + 1] = r.rejected;
	}
	if (lane < NODES) track[TRACK_TIMES + lane] = time, track[TRACK_SLOTS + lane] = slot;
	if (lane != 0) return;
	r.store(track);
	states[at] = r.status;
}

KERNEL(adams_wide_d16_f64, adams_trajectory_params, WARP_THREADS) { adams_wide<double, 16>(p); }
KERNEL(adams_wide_d16_f32, adams_trajectory_params, WARP_THREADS) { adams_wide<float, 16>(p); }
KERNEL(adams_wide_d32_f64, adams_trajectory_params, WARP_THREADS) { adams_wide<double, 32>(p); }
KERNEL(adams_wide_d32_f32, adams_trajectory_params, WARP_THREADS) { adams_wide<float, 32>(p); }
