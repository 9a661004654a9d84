// rungekutta.cu: a stage of a Runge-Kutta step, and after the last the step, each row with its own length and time. A
// row has a team of lanes.
#include "control.cuh"

template <class T> DEV void rungekutta(const stage_params &p) {
	const step_control &control = p.control;
	const step_tableau &b = p.tableau;
	const int64_t S = p.rows.s, group = control.group < S ? control.group : S;
	const int lanes = team_lanes(S), lane = threadIdx.x % lanes;
	const int64_t row = block_id() * (WARP_THREADS / lanes) + threadIdx.x / lanes, at = row < p.rows.n ? row : 0;
	Global<int32_t> states = global<int32_t>(p.rows.status);
	const int state = row < p.rows.n ? states[at] : ROW_ENDED;
	const bool runs = state == ROW_RUNS;
	if (!__any_sync(ALL_LANES, runs)) return;

	Global<double> track = global<double>(p.rows.track) + at * TRACK_COUNT;
	Global<T> hist = global<T>(p.rows.hist) + at * p.rows.slots * S, z = global<T>(p.z) + at * S;
	Run r;
	r.load(track, state);
	int stage = (int)p.stage;
	if (stage >= 0) {
		Global<const T> f = global<const T>(p.f) + at * S;
		for (int64_t j = lane; runs && j < S; j += lanes) hist[(1 + stage) * S + j] = f[j];
		__syncwarp();
		r.nfe += 1;
	}
	if (stage == b.stages - 1) {
		const double length = r.next - r.u;
		double err = 0;
		for (int64_t first = 0; b.steps == 0 && first < S; first += group) {
			const int64_t end = first + group < S ? first + group : S;
			double sum = 0;
			for (int64_t j = first + lane; runs && j < end; j += lanes) {
				double e = 0;
				for (int i = 0; i < b.stages; i++)
					if (b.errors[i] != 0) e += length * b.errors[i] * (double)hist[(1 + i) * S + j];
				e = error_of(control, e, hist[j]);
				sum += e * e;
			}
			err = worst_of(err, sqrt(sum_lanes(sum, lanes) / (double)(end - first)));
		}
		__syncwarp(); // the state has been read
		if (r.judge(control, b, err) && runs) {
			Global<T> out = global<T>(p.rows.out) + (int64_t)track[TRACK_ROW] * S;
			for (int64_t j = lane; j < S; j += lanes) {
				double y = hist[j];
				for (int i = 0; i < b.stages; i++)
					if (b.b[i] != 0) y += length * b.b[i] * (double)hist[(1 + i) * S + j];
				hist[j] = (T)y;
				if (b.fsal) hist[S + j] = hist[b.stages * S + j];
				if (r.status == ROW_ENDED) out[j] = (T)y;
			}
			if (r.status == ROW_ENDED && lane == 0) {
				Global<double> counts = global<double>(p.rows.counts) + 2 * (int64_t)track[TRACK_ROW];
				counts[0] = r.nfe, counts[1] = r.rejected;
			}
		}
		__syncwarp();
		stage = b.fsal ? 0 : -1; // the stages that are known already
	}
	if (stage < 0 || p.stage == b.stages - 1) r.aim(control, b);
	if (runs && r.status == ROW_RUNS) {
		const double length = r.next - r.u;
		for (int64_t j = lane; j < S; j += lanes) {
			double y = hist[j];
			for (int i = 0; i <= stage; i++) {
				const double a = b.a[(stage + 1) * MAX_STAGES + i];
				if (a != 0) y += length * a * (double)hist[(1 + i) * S + j];
			}
			z[j] = (T)y;
		}
		if (lane == 0) put_time<T>(p.coef, at, curve_at(control, r.stage(b.c[stage + 1])));
	}
	__syncwarp(); // the track has been read
	if (runs && lane == 0) {
		states[at] = r.status;
		r.store(track);
	}
}

KERNEL(rungekutta_f64, stage_params, WARP_THREADS) { rungekutta<double>(p); }
KERNEL(rungekutta_f32, stage_params, WARP_THREADS) { rungekutta<float>(p); }
