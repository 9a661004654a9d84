// control.cuh: how rows choose their steps, as engine.StepControl says. Package engine has the same formulas on the host
// (control.go), flow those of weights (differences.go), schedule those of the curves; the conformance cases of Steps
// hold these to them.
#pragma once
#include "mixture.cuh"

// Angle is the sine and cosine of u in [0, pi]. sincos would keep a path, and memory, for angles of any size. With x the
// rounded u / pi they are those of pi x, and what the rounding took is put back to first order.
struct Angle {
	double sin, cos;
	DEV explicit Angle(double u) {
		constexpr double pi = 3.14159265358979323846, low = 1.2246467991473532e-16; // pi to twice the digits
		const double x = u * (1 / pi), rest = fma(-x, pi, u) - x * low;
		double s, c;
		sincospi(x, &s, &c);
		sin = s + rest * c;
		cos = c - rest * s;
	}
};

// curve_at returns the coefficients of the path at u.
DEV Time curve_at(const step_control &p, double u) {
	constexpr double half_pi = 1.57079632679489661923;
	const double v = 1 - u;
	if (u >= (p.kind == CURVE_TRIG ? half_pi : 1.0)) {
		switch (p.kind) {
		case CURVE_RF: return {0, 1, -1, -1};
		case CURVE_LINEAR: return {0, 1, 0, 0};
		case CURVE_COSINE: {
			const double rate = half_pi / (1 + p.curve[0]);
			return {0, 1, -rate / Angle(rate * p.curve[0]).cos, 0};
		}
		default: return {0, 1, -1, 0};
		}
	}
	switch (p.kind) {
	case CURVE_RF: return {v, u, -1, -u};
	case CURVE_VE: {
		const double n2 = v * v + u * u, n = sqrt(n2), alpha = v / n, sigma = u / n;
		return {alpha, sigma, -sigma / n2, -sigma * alpha / n2};
	}
	case CURVE_CONSTANT: return {v, sqrt(u * (2 - u)), -1, -v};
	case CURVE_LINEAR: {
		const double b0 = p.curve[0], rise = p.curve[1] - b0, t = u / v, tau = (b0 + rise * t / 2) * t / 2;
		if (tau > 740) return {0, 1, 0, 0}; // exp(-tau) is below the normal range
		const double alpha = exp(-tau), c1 = -alpha * (b0 + rise * t) / 2 * (1 + t) * (1 + t);
		return {alpha, sqrt(-expm1(-2 * tau)), c1, alpha * c1};
	}
	case CURVE_COSINE: {
		const double rate = half_pi / (1 + p.curve[0]), psi0 = rate * p.curve[0], cos0 = Angle(psi0).cos;
		const double alpha = Angle(v * rate).sin / cos0, c1 = -rate * Angle(u * rate + psi0).sin / cos0;
		return {alpha, sqrt(Angle(u * rate).sin * Angle(u * rate + 2 * psi0).sin) / cos0, c1, alpha * c1};
	}
	default: {
		const Angle a(u);
		return {a.cos, a.sin, -a.sin, -a.sin * a.cos};
	}
	}
}

template <class T> DEV void put_time(uint64_t coef, int64_t row, const Time &c) {
	Global<T> to = global<T>(coef) + 4 * row;
	to[0] = (T)c.alpha, to[1] = (T)c.sigma, to[2] = (T)c.c1, to[3] = (T)c.c2;
}

// land returns the end of a step of length h from u, or of the longest that p.reach allows.
DEV double land(const step_control &p, double u, double h) {
	if (p.reach > 0) h = fmin(h, p.reach * fmax(u, p.floor));
	const double dir = p.end > p.start ? 1 : -1;
	if (fabs(p.end - u) <= h * (1 + 1e-9)) return p.end;
	const double next = u + dir * h;
	if (!(p.grid > 0)) return next;
	const double at = next / p.grid, on = (dir > 0 ? floor(at + 1e-9) : ceil(at - 1e-9)) * p.grid;
	return dir * (on - u) >= 0.6 * h ? on : next;
}

// factor returns what the step's length is multiplied with for an error of the given order.
DEV double factor(const step_control &p, double err, int order) {
	if (isnan(err) || isinf(err)) return 0;
	return p.safety * pow(err, -1 / (double)(order + 1));
}

// clip limits a factor: accepted says whether the step was, retried whether one before was not.
DEV double clip(const step_control &p, double f, double shrink, bool accepted, bool retried) {
	f = fmin(fmax(f, shrink), p.grow);
	return accepted ? (retried ? fmin(f, 1.0) : f) : fmin(f, p.retry);
}

// error_of is v in units of the tolerance at y; 0 is 0 whatever it is divided by.
DEV double error_of(const step_control &p, double v, double y) {
	if ((p.atol != 0 || p.rtol != 0) && v != 0) v /= p.atol + p.rtol * fabs(y);
	return v;
}

// worst_of returns the larger, or NaN where one is: a step that broke down must not pass for a good one.
DEV double worst_of(double a, double b) { return b > a || isnan(b) ? b : a; }

// add_slopes returns y + length sum_i w_i slope(i) over the first count slopes; those of weight 0 are not asked for.
template <class F> DEV double add_slopes(double y, double length, const double *w, int count, F slope) {
	for (int i = 0; i < count; i++)
		if (w[i] != 0) y += length * w[i] * slope(i);
	return y;
}

// StepRow is a row of step_rows for the lanes of a warp that work on it. The numbers of its state are dealt out group by group
// (step_control.group), so that whatever its length a number is always the same lane's.
template <class T> struct StepRow {
	const step_rows &p;
	const int lanes, lane, team; // a power of two, of which this is number lane; and the row's number in the block
	const int64_t group, at;     // a row past the last stands where the first is, and does not run
	const bool runs;
	Global<double> track;
	Global<T> hist; // [slots, s]

	DEV StepRow(const step_rows &p, int64_t group, int lanes)
	    : p(p), lanes(lanes), lane(threadIdx.x % lanes), team(threadIdx.x / lanes), group(group < p.s ? group : p.s),
	      at(row() < p.n ? row() : 0), runs(row() < p.n && global<const int32_t>(p.status)[at] == ROW_RUNS),
	      track(global<double>(p.track) + at * TRACK_COUNT), hist(global<T>(p.hist) + at * p.slots * p.s) {}
	DEV int64_t row() const { return block_id() * (blockDim.x / lanes) + team; }

	// enter loads the track. All lanes of the warp call it with teams.
	template <class R> DEV void enter(R &r) const {
		r.load(track, runs ? ROW_RUNS : ROW_ENDED);
		if (lanes > 1) __syncwarp(); // all lanes have read what one will write
	}

	// any says whether x is true for some row of the warp; a thread that has its row for itself needs nobody's company.
	DEV bool any(bool x) const { return lanes == 1 ? x : __any_sync(ALL_LANES, x); }

	// numbers calls f(j) for this lane's numbers j of a state.
	template <class F> DEV void numbers(F f) const {
		for (int64_t first = 0; first < p.s; first += group) {
			const int64_t end = first + group < p.s ? first + group : p.s;
			for (int64_t j = first + lane; j < end; j += lanes) f(j);
		}
	}

	// norms finds N errors of a step, each the largest of the groups' RMS. estimate(j, e) sets e to those of number j, in units
	// of the tolerance; only rows that run are asked. All lanes of the warp call it.
	template <int N, class F> DEV void norms(double (&worst)[N], bool runs, F estimate) const {
#pragma unroll
		for (int i = 0; i < N; i++) worst[i] = 0;
		for (int64_t first = 0; first < p.s; first += group) {
			const int64_t end = first + group < p.s ? first + group : p.s;
			double sum[N];
#pragma unroll
			for (int i = 0; i < N; i++) sum[i] = 0;
			for (int64_t j = first + lane; runs && j < end; j += lanes) {
				double e[N];
				estimate(j, e);
#pragma unroll
				for (int i = 0; i < N; i++) sum[i] += e[i] * e[i];
			}
#pragma unroll
			for (int i = 0; i < N; i++) worst[i] = worst_of(worst[i], sqrt(sum_lanes(sum[i], lanes) / (double)(end - first)));
		}
	}

	// finish writes the results of a row that has ended: number(j) is this lane's number j of its state.
	template <class R, class F> DEV void finish(const R &r, F number) const {
		if (!runs || r.status != ROW_ENDED) return;
		const int64_t to = (int64_t)track[TRACK_ROW];
		Global<T> out = global<T>(p.out) + to * p.s;
		numbers([&](int64_t j) { out[j] = (T)number(j); });
		Global<double> counts = global<double>(p.counts) + 2 * to;
		if (lane == 0) counts[0] = r.nfe, counts[1] = r.rejected;
	}

	// leave stores what the next launch goes on from.
	template <class R> DEV void leave(const R &r) const {
		if (!runs || lane != 0) return;
		r.store(track);
		global<int32_t>(p.status)[at] = r.status;
	}
};

// Run is a row's track in any integration.
struct Run {
	double u, h, next, stop;
	double steps, retries, nfe, rejected;
	int known, status;

	DEV void load(Global<const double> t, int state) {
		u = t[TRACK_U], h = t[TRACK_H], next = t[TRACK_NEXT], stop = t[TRACK_STOP];
		steps = t[TRACK_STEPS], retries = t[TRACK_RETRIES], nfe = t[TRACK_NFE], rejected = t[TRACK_REJECTED];
		known = (int)t[TRACK_KNOWN], status = state;
	}
	DEV void store(Global<double> t) const {
		t[TRACK_U] = u, t[TRACK_H] = h, t[TRACK_NEXT] = next;
		t[TRACK_STEPS] = steps, t[TRACK_RETRIES] = retries, t[TRACK_NFE] = nfe, t[TRACK_REJECTED] = rejected;
		t[TRACK_KNOWN] = known;
	}

	// settle counts a step that is accepted, or one that is not, whose successor must not be too short. It returns accepted.
	DEV bool settle(const step_control &p, bool accepted) {
		if (!accepted) {
			retries += 1, rejected += 1;
			if (h < p.least) status = ROW_BROKEN;
			return false;
		}
		u = next, steps += 1, retries = 0;
		if (u == p.end) status = ROW_ENDED;
		return true;
	}
};

// StageRun is a row's track in a Runge-Kutta integration.
struct StageRun : Run {
	// aim sets the end of the next step.
	DEV void aim(const step_control &p, const step_tableau &b) {
		if (b.steps == 0)
			next = land(p, u, h);
		else if (steps + 1 >= (double)b.steps)
			next = p.end;
		else
			next = p.start + (p.end - p.start) * (steps + 1) / (double)b.steps;
	}
	// stage returns the time of a stage: not a rounding away from the step's end.
	DEV double stage(double c) const { return c == 1 ? next : u + c * (next - u); }

	// judge takes a step of error err, or refuses it, and chooses the next one's length.
	DEV bool judge(const step_control &p, const step_tableau &b, double err) {
		const bool accepted = b.steps > 0 || err <= 1; // false for NaN
		if (b.steps == 0) h = fabs(next - u) * clip(p, factor(p, err, (int)b.low), p.shrink, accepted, retries > 0);
		if (accepted) known = b.fsal ? 1 : 0;
		return settle(p, accepted);
	}
};
