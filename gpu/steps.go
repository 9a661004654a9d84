//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"fmt"
	"strconv"

	"monge/engine"
)

var (
	_ engine.Stepper      = (*Engine)(nil)
	_ engine.Trajectories = (*Engine)(nil)
)

// The kernels' numbering is package engine's: these do not compile where they differ.
var (
	_ = [1]int{}[C.TRACK_ROW-engine.TrackRow|C.TRACK_U-engine.TrackU|C.TRACK_H-engine.TrackH|C.TRACK_NEXT-engine.TrackNext|
		C.TRACK_ORDER-engine.TrackOrder|C.TRACK_KNOWN-engine.TrackKnown|C.TRACK_STEPS-engine.TrackSteps|
		C.TRACK_RETRIES-engine.TrackRetries|C.TRACK_NFE-engine.TrackNFE|C.TRACK_REJECTED-engine.TrackRejected|
		C.TRACK_STOP-engine.TrackStop|C.TRACK_TIMES-engine.TrackTimes|C.TRACK_SLOTS-engine.TrackSlots|
		C.TRACK_COUNT-engine.TrackCount|C.ADAMS_ORDER-engine.AdamsOrder|C.MAX_STAGES-engine.MaxStages]
	_ = [1]int{}[C.ROW_RUNS-engine.RowRuns|C.ROW_ENDED-engine.RowEnded|C.ROW_WAITS-engine.RowWaits|C.ROW_BROKEN-engine.RowBroken]
	_ = [1]int{}[C.CURVE_TRIG-engine.CurveTrig|C.CURVE_RF-engine.CurveRF|C.CURVE_VE-engine.CurveVE|
		C.CURVE_CONSTANT-engine.CurveConstant|C.CURVE_LINEAR-engine.CurveLinear|C.CURVE_COSINE-engine.CurveCosine]
)

// AdamsStep implements engine.Stepper.
func (e *Engine) AdamsStep(a *engine.AdamsStep) error {
	s, err := engine.CheckAdamsStep(a)
	if err != nil {
		return err
	}
	leave, err := e.step("AdamsStep", s, &a.Rows, reads{a.F}, a.Z, a.Coef)
	if err != nil {
		return err
	}
	defer leave()
	p := C.adams_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control),
		f: addr(a.F), z: addr(a.Z), coef: addr(a.Coef), first: C.double(a.First), order: C.int64_t(a.MaxOrder),
	}
	return e.fail(launch(e, typed("adams", "adams", a.Z.Dtype()), int64(C.step_blocks(p.rows.n, p.rows.s)), C.WARP_THREADS, &p))
}

// RungeKuttaStage implements engine.Stepper.
func (e *Engine) RungeKuttaStage(a *engine.RungeKuttaStage) error {
	s, err := engine.CheckRungeKuttaStage(a)
	if err != nil {
		return err
	}
	leave, err := e.step("RungeKuttaStage", s, &a.Rows, reads{a.F}, a.Z, a.Coef)
	if err != nil {
		return err
	}
	defer leave()
	p := C.stage_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control), tableau: stepTableau(a.Tableau, a.Steps),
		f: addr(a.F), z: addr(a.Z), coef: addr(a.Coef), stage: C.int64_t(a.Stage),
	}
	return e.fail(launch(e, typed("rungekutta", "rungekutta", a.Z.Dtype()), int64(C.step_blocks(p.rows.n, p.rows.s)), C.WARP_THREADS, &p))
}

// HasTrajectories implements engine.Trajectories.
func (e *Engine) HasTrajectories(d, k int, own bool, s, stages int) bool {
	m := mixture{s: engine.MixtureDims{D: d, K: k}}
	if own {
		m.s.BasisK = k
	}
	if !m.narrow() && !m.wide() {
		return false
	}
	return stages == 0 || stages <= C.MAX_STAGES && C.trajectory_threads(C.int64_t(s), C.int64_t(stages), m.lanes()) > 0
}

// narrow says whether a thread makes a row's steps by itself.
func (m *mixture) narrow() bool { return m.small() && m.s.D <= C.TRAJECTORY_DIMS }

// wide says whether a team of lanes does. The bounds are estimates from registers, instructions and their latencies, not
// measured. By ptxas a thread has up to 255 registers, so a multiprocessor holds two blocks of four warps: 16 rows of up to
// 16 dimensions or 8 of more. Rows longer than a warp would need more registers still.
//
// WIDE_PARTS: a component is a chain of a division, a logarithm, sums over lanes and an exponential, some 700 clocks. A stage by
// operations, or an Adams step, is three to five launches one after another and a share of a look at the rows, some ten thousand
// clocks, before it evaluates its components: 14 of these, and about 32 where that takes half as long as here.
//
// WIDE_TURNS: a basis of a component's own is two products, whose loops have a round a lane with two shuffles and a load: in
// the pipe that these share some 8 lanes clocks a warp, lanes^2 / 4 a row, and so 512 clocks of a multiprocessor a row at the bound. About
// as long takes its share of memory for the 5 KB that a stage by operations carries to and fro for a row of 32 numbers. With
// more, the tiles of mixture_tiles.cu, which read a basis once for 64 rows, win where there are many rows.
//
// TRAJECTORY_STORE, TRAJECTORY_LEAST: a Runge-Kutta row has 8 (1 + stages) s bytes of shared memory. Three blocks of 48 KB fit a
// multiprocessor of compute capability 8.0, four one of 9.0. Two warps each are six, about as many as keep its units at work during
// the 700 clocks of a component. With seven stages that is s up to 192 in 5 to 16 dimensions and 384 in 17 to 32: every tangent
// and the divergence in up to 13, and in 17 to 19.
func (m *mixture) wide() bool {
	d, k, lanes := m.s.D, m.s.K, int(m.lanes())
	return d > C.TRAJECTORY_DIMS && d <= C.WIDE_DIMS && k <= C.WIDE_PARTS && (m.s.BasisK <= 1 || k*lanes*lanes <= C.WIDE_TURNS)
}

// lanes is how many a row has in either.
func (m *mixture) lanes() C.int64_t { return C.trajectory_lanes(C.int64_t(m.s.D)) }

// Trajectories implements engine.Trajectories.
func (e *Engine) Trajectories(a *engine.Trajectory) error {
	s, dims, err := engine.CheckTrajectories(a)
	if err != nil {
		return err
	}
	m, model, leave, err := e.trajectories("Trajectories", s, dims, &a.Rows, &a.MixtureFlow, len(a.Tableau.B))
	if err != nil {
		return err
	}
	defer leave()
	p := C.trajectory_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control), tableau: stepTableau(a.Tableau, a.Steps),
		model: model, tries: C.int64_t(a.Tries), np: C.int64_t(a.Tangents), ell: truth(a.Divergence),
	}
	stages, lanes := p.tableau.stages, m.lanes()
	threads := C.trajectory_threads(p.rows.s, stages, lanes)
	shared := 8 * int64(C.trajectory_numbers(p.rows.s, stages, lanes, threads))
	return e.fail(launchShared(e, m.trajectory("trajectory"), ceilDiv(int64(s.N), int64(threads/lanes)), int64(threads), shared, &p))
}

// AdamsTrajectories implements engine.Trajectories.
func (e *Engine) AdamsTrajectories(a *engine.AdamsTrajectory) error {
	s, dims, err := engine.CheckAdamsTrajectories(a)
	if err != nil {
		return err
	}
	m, model, leave, err := e.trajectories("AdamsTrajectories", s, dims, &a.Rows, &a.MixtureFlow, 0)
	if err != nil {
		return err
	}
	defer leave()
	p := C.adams_trajectory_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control), model: model,
		first: C.double(a.First), order: C.int64_t(a.MaxOrder), tries: C.int64_t(a.Tries), np: C.int64_t(a.Tangents), ell: truth(a.Divergence),
	}
	threads := int64(C.WARP_THREADS)
	if m.lanes() == 1 {
		threads = C.ADAMS_TRAJECTORY_THREADS
	}
	return e.fail(launch(e, m.trajectory("adams_trajectory"), ceilDiv(int64(s.N), threads/int64(m.lanes())), threads, &p))
}

// trajectories begins an operation on whole trajectories of a method of so many stages.
func (e *Engine) trajectories(name string, s engine.StepDims, dims engine.MixtureDims, r *engine.Rows, f *engine.MixtureFlow, stages int) (m *mixture, model C.mixture_model, leave func(), err error) {
	if !e.HasTrajectories(dims.D, dims.K, dims.BasisK > 1, s.S, stages) {
		return nil, model, nil, fmt.Errorf("gpu: %s of %d components in %d dimensions, %d numbers a state: %w", name, dims.K, dims.D, s.S, engine.ErrUnsupported)
	}
	done, err := e.step(name, s, r, reads{f.P.LogW, f.P.Mean, f.P.Var, f.P.Basis, f.P.Reflect})
	if err != nil {
		return nil, model, nil, err
	}
	m = &mixture{e: e, t: r.Hist.Dtype(), s: dims}
	leave = func() {
		m.free()
		done()
	}
	model = m.model(f.P)
	if s.N > 0 && m.lanes() > 1 && model.rotation != C.ROTATE_OWN {
		if err := m.axes(&model); err != nil {
			leave()
			return nil, model, nil, e.fail(err)
		}
	}
	return m, model, leave, nil
}

// trajectory names the kernel of a family of trajectories.
func (m *mixture) trajectory(family string) kernel {
	dims := m.s.D
	if lanes := m.lanes(); lanes > 1 {
		dims = int(lanes)
	}
	return typed(family, family+"_d"+strconv.Itoa(dims), m.t)
}

// step begins an operation on rows.
func (e *Engine) step(name string, s engine.StepDims, r *engine.Rows, in reads, changed ...engine.Buffer) (leave func(), err error) {
	return e.enter(operation{name, "NSK", [6]int{s.N, s.S, s.Slots}}, in, append(changed, r.Track, r.Status, r.Hist, r.Out, r.Counts)...)
}

func stepRows(r *engine.Rows, s engine.StepDims) C.step_rows {
	return C.step_rows{
		track: addr(r.Track), status: addr(r.Status), hist: addr(r.Hist), out: addr(r.Out), counts: addr(r.Counts),
		n: C.int64_t(s.N), s: C.int64_t(s.S), slots: C.int64_t(s.Slots),
	}
}

func stepControl(c *engine.StepControl) C.step_control {
	return C.step_control{
		curve: [2]C.double{C.double(c.Curve.P[0]), C.double(c.Curve.P[1])}, kind: C.int64_t(c.Curve.Kind),
		start: C.double(c.Start), end: C.double(c.End), grid: C.double(c.Grid), least: C.double(c.Least),
		reach: C.double(c.Reach), floor: C.double(c.Floor),
		atol: C.double(c.Atol), rtol: C.double(c.Rtol), group: C.int64_t(c.Group),
		safety: C.double(c.Safety), shrink: C.double(c.Shrink), grow: C.double(c.Grow), retry: C.double(c.Retry),
	}
}

func stepTableau(t *engine.Tableau, steps int) C.step_tableau {
	b := C.step_tableau{stages: C.int64_t(len(t.B)), low: C.int64_t(t.Low), steps: C.int64_t(steps), fsal: truth(t.FSAL)}
	for i := range t.B {
		b.b[i], b.c[i] = C.double(t.B[i]), C.double(t.C[i])
		if t.Errors != nil {
			b.errors[i] = C.double(t.Errors[i])
		}
		for j, v := range t.A[i] {
			b.a[C.MAX_STAGES*i+j] = C.double(v)
		}
	}
	return b
}

// truth is a truth value as kernels take it.
func truth(b bool) C.int64_t {
	if b {
		return 1
	}
	return 0
}
