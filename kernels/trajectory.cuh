// trajectory.cuh: the slope of states that are a point of a mixture's flow with what rides on it. A row belongs to a thread
// (mixture_small.cuh) or to a team of lanes (mixture_team.cuh).
#pragma once
#include "mixture_small.cuh"
#include "mixture_team.cuh"

// slope finds at time c the slope of a state: of the point, of np tangents of it and, with ell, of the integral of the divergence.
// point(j) is number j of the state, put(j, v) takes that of the slope; they are asked for the lane's own numbers, as StepRow
// deals them out. All lanes of a warp call it with teams, those of rows that have ended too.
template <class M, class F, class G> DEV void slope(const M &m, const Time &c, int np, bool ell, F point, G put) {
	constexpr int WIDTH = M::WIDTH;
	const int D = m.dims(), lane = threadIdx.x % M::LANES;
	double x[WIDTH], t[WIDTH], v[WIDTH];
	const auto get = [&](int first, double (&y)[WIDTH]) {
#pragma unroll
		for (int i = 0; i < WIDTH; i++) {
			const int j = i * M::LANES + lane;
			y[i] = j < D ? point(first + j) : 0;
		}
	};
	const auto give = [&](int first) {
#pragma unroll
		for (int i = 0; i < WIDTH; i++) {
			const int j = i * M::LANES + lane;
			if (j < D) put(first + j, v[i]);
		}
	};
	typename M::State state;
	get(0, x);
	m.evaluate(c, x, np > 0 || ell, state);
	m.velocity(state, v);
	give(0);
	for (int q = 1; q <= np; q++) {
		get(q * D, t);
		m.tangent(c, x, state, t, v);
		give(q * D);
	}
	if (!ell) return;
	const double divergence = m.divergence(c, x, state);
	if (lane == 0) put((1 + np) * D, divergence);
}
