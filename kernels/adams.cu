// adams.cu: a step of the Adams method of variable order, each row with its own history, order, length and time. A row
// has a team of lanes; lane m has node m of the divided differences, and then every lane some coordinates.
#include "adams.cuh"

template <class T> DEV void adams(const adams_params &p) {
	SHARED(double, store, TeamNodes::STORE * WARP_THREADS / 16);
	const step_control &control = p.control;
	const StepRow<T> row(p.rows, control.group, (int)step_lanes(p.rows.s));
	if (!row.any(row.runs)) return;
	const int64_t S = p.rows.s;
	Global<T> hist = row.hist, z = global<T>(p.z) + row.at * S;
	TeamNodes nodes(store, row.lanes);
	nodes.load(row.track);
	AdamsRun r;
	row.enter(r);

	if (p.f) {
		// The corrector, through the new slope and the old ones.
		Global<const T> f = global<const T>(p.f) + row.at * S;
		nodes.correct(r);
		const int count = r.nodes();
		double err[3];
		row.norms(err, row.runs, [&](int64_t j, double (&e)[3]) {
			const double y = hist[j];
			hist[nodes.fresh * S + j] = f[j];
			double step = y;
			const auto slope = [&](int i) {
				const double x = hist[nodes.slot(i) * S + j];
				step += nodes.sum(i) * x;
				return x;
			};
			adams_errors(control, nodes, count, y, slope, e);
			z[j] = (T)step;
		});
		if (r.decide(control, (int)p.order, p.first, err)) {
			nodes.join(r.u);
			if (row.runs) row.numbers([&](int64_t j) { hist[j] = z[j]; });
			row.finish(r, [&](int64_t j) { return z[j]; });
		}
	}

	// The predictor, through the known slopes.
	const bool goes = row.runs && (r.status == ROW_RUNS || r.status == ROW_WAITS);
	r.next = land(control, r.u, r.h);
	nodes.predict(r);
	if (goes) {
		row.numbers([&](int64_t j) {
			double y = hist[j];
			for (int i = 0; i < r.order; i++) y += nodes.sum(i) * (double)hist[nodes.slot(i) * S + j];
			z[j] = (T)y;
		});
	}
	if (!row.runs) return;
	if (goes && row.lane == 0) put_time<T>(p.coef, row.at, curve_at(control, r.next));
	nodes.store(row.track);
	row.leave(r);
}

KERNEL(adams_f64, adams_params, WARP_THREADS) { adams<double>(p); }
KERNEL(adams_f32, adams_params, WARP_THREADS) { adams<float>(p); }
