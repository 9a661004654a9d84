// trajectory.cu: many Runge-Kutta steps of a small mixture's flow, a thread a row: the slopes lie in shared memory, the
// mixture's arithmetic in registers, and all is float64 between the launches. A warp makes its rows' tries together,
// so that they part only where rows end; the host closes the gaps between launches.
#include "control.cuh"
#include "mixture_small.cuh"

template <class T, int D> DEV void trajectory(const trajectory_params &p) {
	SHARED(double, store, TRAJECTORY_STORE);
	const int64_t row = first_item(), S = p.rows.s;
	if (row >= p.rows.n || global<int32_t>(p.rows.status)[row] != ROW_RUNS) return;
	const step_control &control = p.control;
	const step_tableau &b = p.tableau;
	const SmallMixture<T, D> m(p.model);
	const int S32 = (int)S, pitch = blockDim.x;
	double *own = store + threadIdx.x;
	// number j of the row's vector i: the state, then slopes.
	const auto place = [&](int i, int j) { return (i * S32 + j) * pitch; };

	Global<double> track = global<double>(p.rows.track) + row * TRACK_COUNT;
	Global<T> hist = global<T>(p.rows.hist) + row * p.rows.slots * S;
	Run r;
	r.load(track, ROW_RUNS);
	for (int j = 0; j < S32; j++) own[place(0, j)] = (double)hist[j];
	for (int j = 0; r.known != 0 && j < S32; j++) own[place(1, j)] = (double)hist[S32 + j];

	for (int64_t tries = 0; tries < p.tries && r.status == ROW_RUNS; tries++) {
		r.aim(control, b);
		const double length = r.next - r.u;
		for (int s = r.known != 0 ? 1 : 0; s < (int)b.stages; s++) {
			const double *a = b.a + s * MAX_STAGES;
			const auto point = [&](int j) {
				double y = own[place(0, j)];
				for (int i = 0; i < s; i++)
					if (a[i] != 0) y += length * a[i] * own[place(1 + i, j)];
				return y;
			};
			const Time c = curve_at(control, r.stage(b.c[s]));
			double x[D];
#pragma unroll
			for (int j = 0; j < D; j++) x[j] = point(j);
			typename SmallMixture<T, D>::State state;
			m.evaluate(c, x, p.np > 0 || p.ell, state);
#pragma unroll
			for (int j = 0; j < D; j++) own[place(1 + s, j)] = state.v[j];
			for (int q = 0; q < (int)p.np; q++) {
				double t[D], out[D];
#pragma unroll
				for (int j = 0; j < D; j++) t[j] = point((1 + q) * D + j);
				m.tangent(c, x, state, t, out);
#pragma unroll
				for (int j = 0; j < D; j++) own[place(1 + s, (1 + q) * D + j)] = out[j];
			}
			if (p.ell) own[place(1 + s, S32 - 1)] = m.divergence(c, x, state);
			r.nfe += 1;
		}
		double err = 0;
		for (int first = 0; b.steps == 0 && first < S32; first += D) {
			const int end = first + D < S32 ? first + D : S32;
			double sum = 0;
			for (int j = first; j < end; j++) {
				double e = 0;
				for (int i = 0; i < (int)b.stages; i++)
					if (b.errors[i] != 0) e += length * b.errors[i] * own[place(1 + i, j)];
				e = error_of(control, e, own[place(0, j)]);
				sum += e * e;
			}
			err = worst_of(err, sqrt(sum / (double)(end - first)));
		}
		if (!r.judge(control, b, err)) {
			r.known = 1; // the slope at the state stays
			continue;
		}
		for (int j = 0; j < S32; j++) {
			double y = own[place(0, j)];
			for (int i = 0; i < (int)b.stages; i++)
				if (b.b[i] != 0) y += length * b.b[i] * own[place(1 + i, j)];
			own[place(0, j)] = y;
			if (b.fsal) own[place(1, j)] = own[place((int)b.stages, j)];
		}
	}
	for (int j = 0; j < S32; j++) {
		hist[j] = (T)own[place(0, j)];
		if (r.known != 0) hist[S32 + j] = (T)own[place(1, j)];
	}
	if (r.status == ROW_ENDED) {
		const int64_t to = (int64_t)track[TRACK_ROW];
		for (int j = 0; j < S32; j++) global<T>(p.rows.out)[to * S + j] = (T)own[place(0, j)];
		global<double>(p.rows.counts)[2 * to] = r.nfe;
		global<double>(p.rows.counts)[2 * to + 1] = r.rejected;
	}
	r.store(track);
	global<int32_t>(p.rows.status)[row] = r.status;
}

KERNEL(trajectory_d1_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, 1>(p); }
KERNEL(trajectory_d1_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, 1>(p); }
KERNEL(trajectory_d2_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, 2>(p); }
KERNEL(trajectory_d2_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, 2>(p); }
KERNEL(trajectory_d3_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, 3>(p); }
KERNEL(trajectory_d3_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, 3>(p); }
KERNEL(trajectory_d4_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, 4>(p); }
KERNEL(trajectory_d4_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, 4>(p); }
