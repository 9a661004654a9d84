// rungekutta.cu: a stage of a Runge-Kutta step, and after the last the step, each row with its own length and time. A
// row has a team of lanes.
#include "control.cuh"

template <class T> DEV void rungekutta(const stage_params &p) {
	const step_control &control = p.control;
	const step_tableau &b = p.tableau;
	const StepRow<T> row(p.rows, control.group, (int)step_lanes(p.rows.s));
	if (!row.any(row.runs)) return;
	const int64_t S = p.rows.s;
	const int stages = (int)b.stages;
	Global<T> hist = row.hist, z = global<T>(p.z) + row.at * S;
	StageRun r;
	row.enter(r);
	double length = r.next - r.u;
	const auto sum = [&](double y, const double *w, int count, int64_t j) {
		return add_slopes(y, length, w, count, [&](int i) { return (double)hist[(1 + i) * S + j]; });
	};
	int stage = (int)p.stage;
	if (stage >= 0) {
		Global<const T> f = global<const T>(p.f) + row.at * S;
		if (row.runs) row.numbers([&](int64_t j) { hist[(1 + stage) * S + j] = f[j]; });
		r.nfe += 1;
	}
	if (stage == stages - 1) {
		double err[1] = {0};
		if (b.steps == 0)
			row.norms(err, row.runs, [&](int64_t j, double (&e)[1]) { e[0] = error_of(control, sum(0, b.errors, stages, j), hist[j]); });
		if (r.judge(control, b, err[0]) && row.runs) {
			row.numbers([&](int64_t j) {
				hist[j] = (T)sum(hist[j], b.b, stages, j);
				if (b.fsal) hist[S + j] = hist[stages * S + j];
			});
			row.finish(r, [&](int64_t j) { return hist[j]; });
		}
		stage = b.fsal ? 0 : -1; // the stages that are known already
	}
	if (stage < 0 || p.stage == stages - 1) r.aim(control, b);
	if (!row.runs) return;
	if (r.status == ROW_RUNS) {
		length = r.next - r.u;
		row.numbers([&](int64_t j) { z[j] = (T)sum(hist[j], b.a + (stage + 1) * MAX_STAGES, stage + 1, j); });
		if (row.lane == 0) put_time<T>(p.coef, row.at, curve_at(control, r.stage(b.c[stage + 1])));
	}
	row.leave(r);
}

KERNEL(rungekutta_f64, stage_params, WARP_THREADS) { rungekutta<double>(p); }
KERNEL(rungekutta_f32, stage_params, WARP_THREADS) { rungekutta<float>(p); }
