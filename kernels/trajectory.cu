// trajectory.cu: many Runge-Kutta steps of a mixture's flow. In up to 4 dimensions a thread has a row, with the mixture's
// arithmetic in registers; in up to 32 a team of lanes has it, a coordinate of every vector a lane. The slopes lie in shared
// memory, and all is float64 between the launches. A warp makes its rows' tries together, so that they part only where rows end; the
// host closes the gaps between launches.
#include "control.cuh"
#include "trajectory.cuh"

template <class T, class M> DEV void trajectory(const trajectory_params &p) {
	DYNAMIC_SHARED(double, store);
	const step_control &control = p.control;
	const step_tableau &b = p.tableau;
	const StepRow<T> row(p.rows, p.model.d, M::LANES);
	if (!row.any(row.runs)) return;
	const int S = (int)p.rows.s, stages = (int)b.stages;
	// number j of the row's vector i: the state, then slopes. Lanes side by side have numbers side by side.
	const int pitch = M::LANES == 1 ? blockDim.x : 1;
	double *own = store + row.team * (M::LANES == 1 ? 1 : (1 + stages) * S);
	const auto place = [&](int i, int64_t j) { return (i * S + (int)j) * pitch; };

	const M m(p.model);
	StageRun r;
	row.enter(r);
	row.numbers([&](int64_t j) {
		own[place(0, j)] = (double)row.hist[j];
		if (r.known != 0) own[place(1, j)] = (double)row.hist[S + j];
	});
	for (int64_t tries = 0; tries < p.tries && row.any(r.status == ROW_RUNS); tries++) {
		const bool goes = r.status == ROW_RUNS; // else the team keeps step and writes nothing
		if (goes) r.aim(control, b);
		const double length = r.next - r.u;
		const auto sum = [&](double y, const double *w, int count, int64_t j) {
			return add_slopes(y, length, w, count, [&](int i) { return own[place(1 + i, j)]; });
		};
		for (int s = row.any(goes && r.known == 0) ? 0 : 1; s < stages; s++) {
			const bool wanted = goes && (s > 0 || r.known == 0); // another team's slope at the state may be, and this one's not
			slope(
			    m, curve_at(control, r.stage(b.c[s])), (int)p.np, p.ell,
			    [&](int64_t j) { return wanted ? sum(own[place(0, j)], b.a + s * MAX_STAGES, s, j) : own[place(0, j)]; },
			    [&](int64_t j, double v) {
				    if (wanted) own[place(1 + s, j)] = v;
			    });
			if (wanted) r.nfe += 1;
		}
		double err[1] = {0};
		if (b.steps == 0) {
			row.norms(err, goes, [&](int64_t j, double (&e)[1]) {
				e[0] = error_of(control, sum(0, b.errors, stages, j), own[place(0, j)]);
			});
		}
		if (!goes) continue;
		if (!r.judge(control, b, err[0])) {
			r.known = 1; // the slope at the state stays
			continue;
		}
		row.numbers([&](int64_t j) {
			own[place(0, j)] = sum(own[place(0, j)], b.b, stages, j);
			if (b.fsal) own[place(1, j)] = own[place(stages, j)];
		});
	}
	if (!row.runs) return;
	row.numbers([&](int64_t j) {
		row.hist[j] = (T)own[place(0, j)];
		if (r.known != 0) row.hist[S + j] = (T)own[place(1, j)];
	});
	row.finish(r, [&](int64_t j) { return own[place(0, j)]; });
	row.leave(r);
}

KERNEL(trajectory_d1_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, SmallMixture<double, 1>>(p); }
KERNEL(trajectory_d1_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, SmallMixture<float, 1>>(p); }
KERNEL(trajectory_d2_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, SmallMixture<double, 2>>(p); }
KERNEL(trajectory_d2_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, SmallMixture<float, 2>>(p); }
KERNEL(trajectory_d3_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, SmallMixture<double, 3>>(p); }
KERNEL(trajectory_d3_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, SmallMixture<float, 3>>(p); }
KERNEL(trajectory_d4_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, SmallMixture<double, 4>>(p); }
KERNEL(trajectory_d4_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, SmallMixture<float, 4>>(p); }
KERNEL(trajectory_d16_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, TeamMixture<double, 16>>(p); }
KERNEL(trajectory_d16_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, TeamMixture<float, 16>>(p); }
KERNEL(trajectory_d32_f64, trajectory_params, TRAJECTORY_THREADS) { trajectory<double, TeamMixture<double, 32>>(p); }
KERNEL(trajectory_d32_f32, trajectory_params, TRAJECTORY_THREADS) { trajectory<float, TeamMixture<float, 32>>(p); }
