// adams.cu: a step of the Adams method of variable order, each row with its own history, order, length and time. A row
// has a team of lanes; lane m has node m of the divided differences, and then every lane some coordinates.
#include "adams.cuh"

constexpr int MOST_TEAMS = WARP_THREADS / 16;

template <class T> DEV void adams(const adams_params &p) {
	SHARED(double, store, MOST_TEAMS * 4 * NODES);
	SHARED(int, places, MOST_TEAMS * NODES);
	const step_control &control = p.control;
	const int64_t S = p.rows.s, group = control.group < S ? control.group : S;
	const int lanes = team_lanes(S), lane = threadIdx.x % lanes, team = threadIdx.x / lanes;
	const int64_t row = block_id() * (WARP_THREADS / lanes) + team, at = row < p.rows.n ? row : 0;
	double *own = store + team * 4 * NODES;
	const Nodes nodes = {own, own + NODES, own + 2 * NODES, own + 3 * NODES, places + team * NODES};
	Global<int32_t> states = global<int32_t>(p.rows.status);
	const int state = row < p.rows.n ? states[at] : ROW_ENDED;
	const bool runs = state == ROW_RUNS;
	if (!__any_sync(ALL_LANES, runs)) return;

	Global<double> track = global<double>(p.rows.track) + at * TRACK_COUNT;
	Global<T> hist = global<T>(p.rows.hist) + at * p.rows.slots * S, z = global<T>(p.z) + at * S;
	AdamsRun r;
	r.load(track, state);
	double time = lane < NODES ? track[TRACK_TIMES + lane] : 0;
	int slot = lane < NODES ? (int)track[TRACK_SLOTS + lane] : 0;

	if (p.f) {
		// The corrector, through the new slope and the old ones.
		Global<const T> f = global<const T>(p.f) + at * S;
		const int count = r.nodes(), known = r.known;
		const double length = r.next - r.u;
		const int fresh = __shfl_sync(ALL_LANES, slot, known, lanes);
		const double before = __shfl_up_sync(ALL_LANES, time, 1, lanes);
		const int behind = __shfl_up_sync(ALL_LANES, slot, 1, lanes);
		const int last = __shfl_sync(ALL_LANES, slot, ADAMS_ORDER - 1, lanes);
		const Weights w = weights(lane == 0 ? 1 : (before - r.u) / length, count, r.order, lanes);
		if (lane < NODES) {
			nodes.sum[lane] = length * w.sum;
			nodes.lower[lane] = length * w.lower, nodes.same[lane] = length * w.same, nodes.higher[lane] = length * w.higher;
			nodes.slot[lane] = lane == 0 ? fresh : behind;
		}
		__syncwarp();
		double lower = 0, same = 0, higher = 0;
		for (int64_t first = 0; first < S; first += group) {
			const int64_t end = first + group < S ? first + group : S;
			double e0 = 0, e1 = 0, e2 = 0;
			for (int64_t j = first + lane; runs && j < end; j += lanes) {
				const double slope = f[j], y = hist[j];
				hist[fresh * S + j] = (T)slope;
				double step = y + nodes.sum[0] * slope;
				double l = nodes.lower[0] * slope, s = nodes.same[0] * slope, g = nodes.higher[0] * slope;
				for (int m = 1; m < count; m++) {
					const double x = hist[nodes.slot[m] * S + j];
					step += nodes.sum[m] * x;
					l += nodes.lower[m] * x, s += nodes.same[m] * x, g += nodes.higher[m] * x;
				}
				z[j] = (T)step;
				l = error_of(control, l, y), s = error_of(control, s, y), g = error_of(control, g, y);
				e0 += l * l, e1 += s * s, e2 += g * g;
			}
			const double size = (double)(end - first);
			lower = worst_of(lower, sqrt(sum_lanes(e0, lanes) / size));
			same = worst_of(same, sqrt(sum_lanes(e1, lanes) / size));
			higher = worst_of(higher, sqrt(sum_lanes(e2, lanes) / size));
		}
		if (r.decide(control, (int)p.order, p.first, lower, same, higher)) { // the new slope is the newest
			const int moved = known < ADAMS_ORDER ? known : ADAMS_ORDER - 1;
			if (lane == 0) time = r.u, slot = fresh;
			else if (lane <= moved) time = before, slot = behind;
			else if (known == ADAMS_ORDER && lane == ADAMS_ORDER) slot = last;
			Global<T> out = global<T>(p.rows.out) + (int64_t)track[TRACK_ROW] * S;
			for (int64_t first = 0; runs && first < S; first += group) {
				const int64_t end = first + group < S ? first + group : S;
				for (int64_t j = first + lane; j < end; j += lanes) {
					hist[j] = z[j]; // which this lane wrote
					if (r.status == ROW_ENDED) out[j] = z[j];
				}
			}
			if (runs && r.status == ROW_ENDED && lane == 0) {
				Global<double> counts = global<double>(p.rows.counts) + 2 * (int64_t)track[TRACK_ROW];
				counts[0] = r.nfe, counts[1] = r.rejected;
			}
		}
	}

	// The predictor, through the known slopes.
	const bool goes = runs && (r.status == ROW_RUNS || r.status == ROW_WAITS);
	r.next = land(control, r.u, r.h);
	const double length = r.next - r.u;
	const Weights w = weights((time - r.u) / length, r.order, r.order - 1, lanes);
	__syncwarp(); // the corrector's weights and the track have been read
	if (lane < NODES) nodes.sum[lane] = length * w.sum, nodes.slot[lane] = slot;
	__syncwarp();
	for (int64_t first = 0; goes && first < S; first += group) {
		const int64_t end = first + group < S ? first + group : S;
		for (int64_t j = first + lane; j < end; j += lanes) {
			double step = hist[j];
			for (int m = 0; m < r.order; m++) step += nodes.sum[m] * (double)hist[nodes.slot[m] * S + j];
			z[j] = (T)step;
		}
	}
	if (!runs) return;
	if (goes && lane == 0) put_time<T>(p.coef, at, curve_at(control, r.next));
	if (lane < NODES) track[TRACK_TIMES + lane] = time, track[TRACK_SLOTS + lane] = slot;
	if (lane != 0) return;
	states[at] = r.status;
	r.store(track);
}

KERNEL(adams_f64, adams_params, WARP_THREADS) { adams<double>(p); }
KERNEL(adams_f32, adams_params, WARP_THREADS) { adams<float>(p); }
