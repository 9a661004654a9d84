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
	switch small := m.small() && d <= C.TRAJECTORY_DIMS; {
	case small && stages == 0:
		return true
	case small:
		return stages <= C.MAX_STAGES && C.trajectory_threads(C.int64_t(s), C.int64_t(stages)) > 0
	}
	return stages == 0 && m.wide()
}

// wide says whether a team of lanes makes a row's Adams steps by itself. A component then takes the latency of a few sums
// over lanes, some hundred clocks, or with a basis of its own that of 4 d more shuffles, where a step by operations is four
// launches and a fourth of a look at the rows, some ten thousand clocks: with more components, or thousands of rows with
// bases, operations are faster. An estimate from latencies, not measured.
func (m *mixture) wide() bool {
	d, k := m.s.D, m.s.K
	return d > C.TRAJECTORY_DIMS && d <= C.WIDE_DIMS && k <= C.WIDE_PARTS && (m.s.BasisK <= 1 || k*d*d <= C.WIDE_TURNS)
}

// Trajectories implements engine.Trajectories.
func (e *Engine) Trajectories(a *engine.Trajectory) error {
	s, dims, err := engine.CheckTrajectories(a)
	if err != nil {
		return err
	}
	stages := len(a.Tableau.B)
	if !e.HasTrajectories(dims.D, dims.K, dims.BasisK > 1, s.S, stages) {
		return fmt.Errorf("gpu: Trajectories of %d components in %d dimensions, %d numbers a state: %w", dims.K, dims.D, s.S, engine.ErrUnsupported)
	}
	leave, err := e.step("Trajectories", s, &a.Rows, reads{a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect})
	if err != nil {
		return err
	}
	defer leave()
	m := mixture{e: e, t: a.Hist.Dtype(), s: dims}
	p := C.trajectory_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control), tableau: stepTableau(a.Tableau, a.Steps),
		model: m.model(a.P), tries: C.int64_t(a.Tries), np: C.int64_t(a.Tangents),
	}
	if a.Divergence {
		p.ell = 1
	}
	threads := int64(C.trajectory_threads(p.rows.s, p.tableau.stages))
	return e.fail(launch(e, typed("trajectory", "trajectory_d"+strconv.Itoa(dims.D), m.t), ceilDiv(int64(s.N), threads), threads, &p))
}

// AdamsTrajectories implements engine.Trajectories.
func (e *Engine) AdamsTrajectories(a *engine.AdamsTrajectory) error {
	s, dims, err := engine.CheckAdamsTrajectories(a)
	if err != nil {
		return err
	}
	if !e.HasTrajectories(dims.D, dims.K, dims.BasisK > 1, s.S, 0) {
		return fmt.Errorf("gpu: AdamsTrajectories of %d components in %d dimensions: %w", dims.K, dims.D, engine.ErrUnsupported)
	}
	leave, err := e.step("AdamsTrajectories", s, &a.Rows, reads{a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect})
	if err != nil {
		return err
	}
	defer leave()
	m := mixture{e: e, t: a.Hist.Dtype(), s: dims}
	p := C.adams_trajectory_params{
		rows: stepRows(&a.Rows, s), control: stepControl(&a.Control), model: m.model(a.P),
		first: C.double(a.First), order: C.int64_t(a.MaxOrder), tries: C.int64_t(a.Tries), np: C.int64_t(a.Tangents),
	}
	if a.Divergence {
		p.ell = 1
	}
	if !m.wide() {
		blocks := ceilDiv(int64(s.N), C.ADAMS_TRAJECTORY_THREADS)
		return e.fail(launch(e, typed("adams_trajectory", "adams_trajectory_d"+strconv.Itoa(dims.D), m.t), blocks, C.ADAMS_TRAJECTORY_THREADS, &p))
	}
	defer m.free()
	if p.model.rotation != C.ROTATE_OWN {
		if err := m.axes(&p.model); err != nil {
			return e.fail(err)
		}
	}
	op, lanes := "adams_wide_d16", int64(16)
	if dims.D > 16 {
		op, lanes = "adams_wide_d32", 32
	}
	return e.fail(launch(e, typed("adams_wide", op, m.t), ceilDiv(int64(s.N), C.WARP_THREADS/lanes), C.WARP_THREADS, &p))
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
	b := C.step_tableau{stages: C.int64_t(len(t.B)), low: C.int64_t(t.Low), steps: C.int64_t(steps)}
	if t.FSAL {
		b.fsal = 1
	}
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
