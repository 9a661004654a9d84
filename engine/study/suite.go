package study

import (
	"context"
	"errors"
	"fmt"
	"time"

	"monge/engine"

	"gorgonia.org/tensor"
)

// Case is one experiment of the suite: a question with known answers, asked of the flow and of the transport
// solvers on any engine.
type Case struct {
	ID, Title string

	run  func(*trial) error
	skip string // why the case is not run; "" = it is
}

// Cases returns the suite in its order.
func Cases() []Case {
	return []Case{
		{ID: "E01", Title: "Gaussian: the encoder is S^-1/2 (x - c), the optimal map", run: gaussianCase},
		{ID: "E02", Title: "one dimension: the encoder is the quantile map", run: lineCase},
		{ID: "E03", Title: "rotated products of one-dimensional mixtures", run: productCase},
		{ID: "E04", Title: "isotropic scale mixtures: the radial quantile map", run: radialCase},
		{ID: "E05", Title: "collinear mixtures: exactly optimal", run: collinearCase},
		{ID: "E06", Title: "golden values of E, its Jacobian and the density", run: goldenCase},
		{ID: "E07", Title: "linear drifts: a gap unless the matrices commute", run: driftCase},
		{ID: "E08", Title: "encoder against a known Brenier map: orders 2, 2, 4", run: brenierCase},
		{ID: "E09", Title: "exponentials of polynomials: what a cloud and a Jacobian see", run: densityCase},
		{ID: "E10", Title: "the gap that a cloud shows, against its size", run: thresholdCase},
		{ID: "E11", Title: "copies of G1: clouds are blind in large dimension", run: blindnessCase},
		{ID: "E12", Title: "loops that prove that the encoder is not optimal", run: loopCase},
		{ID: "E13", Title: "the optimum between lower bounds and the encoder's cost", run: sandwichCase},
		{ID: "E14", Title: "basins of the decoder against optimal power cells", run: cellsCase},
		{ID: "E15", Title: "images: the assignment is blind, the Jacobian is not", run: imagesCase},
		{ID: "E16", Title: "likelihood by the flow: exact trace and Hutchinson", run: likelihoodCase},
		{ID: "E17", Title: "invariants, round trip, moments of E(X)", run: invariantCase},
		{ID: "E18", Title: "one limit map along every path", run: pathCase},
		{ID: "E19", Title: "orders of convergence; work and precision", run: orderCase},
		{ID: "E20", Title: "own steps: a sample does not see its batch", run: batchCase},
		{ID: "E21", Title: "densities by a Fokker-Planck solver",
			skip: "densities are not stepped in time: mixtures diffuse in closed form and others by quadrature of the Ornstein-Uhlenbeck kernel (E09, E16)"},
		{ID: "E22", Title: "rectified flows that stop short of the optimum", run: rectifiedCase},
		{ID: "E23", Title: "asymmetry of the encoder along the flow", run: curlCase},
		{ID: "B01", Title: "Wasserstein bounds: golden values for Gaussians", run: boundGoldenCase},
		{ID: "B02", Title: "the order of the bounds on anisotropic spectra", run: boundOrderCase},
		{ID: "B03", Title: "discrete steps with the exact score", run: boundExactCase},
		{ID: "B04", Title: "a network in training stays below the line", run: boundTrainCase},
		{ID: "B05", Title: "the start's part of the bound decays", run: boundOffsetCase},
		{ID: "B06", Title: "estimates of one-sided Lipschitz constants", run: boundLipschitzCase},
		{ID: "B07", Title: "start, end, steps and score: the error's parts", run: boundSplitCase},
		{ID: "B08", Title: "exact, entropic and sliced distances, and their bias", run: boundMeasureCase},
	}
}

// SuiteSettings describes a run of a case. The zero value is the full size in float64 with seed 0.
type SuiteSettings struct {
	// Quick takes the small sizes: all cases together in a minute or two on two cores.
	Quick bool
	Seed  uint64
	Dtype engine.Dtype
	// Images are the rows of E15's large data set [N, D]; nil leaves that part out.
	Images *tensor.Dense
	// Progress is told the case and how many of its parts are done; total = 0 where that is not known.
	Progress func(stage string, done, total int)
}

// Verdict of a case.
type Verdict string

const (
	Pass    Verdict = "pass"    // every row is within its tolerance
	Fail    Verdict = "fail"    // a row is off, or the case met an error
	Skipped Verdict = "skipped" // not run, with the reason
)

// CaseResult is what a case measured beside what was expected.
type CaseResult struct {
	ID, Title string
	Status    Verdict
	Reason    string // why it was skipped, failed, or left something out
	Rows      []Row
	Figures   []Figure
	Elapsed   time.Duration
}

// Row is one number of a case. It passes where |Measured - Expected| <= Tolerance.
type Row struct {
	Name                          string
	Expected, Measured, Tolerance float64
	Pass                          bool
	Note                          string // what the number is, or why the expectation is what it is
}

// Figure is a picture's data: curves over one pair of axes.
type Figure struct {
	Title, X, Y string // title and axis labels
	LogX, LogY  bool
	Curves      []Curve
}

// Curve is a series of points [len(X)] of a figure.
type Curve struct {
	Name string
	X, Y []float64
	// Low and High bound Y's intervals, drawn as bars; nil = none.
	Low, High []float64
	Dashed    bool // a reference, not a measurement
}

// Run runs the case. Its error is ctx's alone: whatever else goes wrong fails the case, with the reason.
func (c Case) Run(ctx context.Context, e engine.Engine, s SuiteSettings) (*CaseResult, error) {
	began := time.Now()
	r := &CaseResult{ID: c.ID, Title: c.Title, Status: Pass}
	if c.skip != "" {
		r.Status, r.Reason = Skipped, c.skip
		return r, nil
	}
	t := &trial{ctx: ctx, e: e, s: &s, result: r}
	if err := c.run(t); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("study: %s: %w", c.ID, ctx.Err())
		}
		r.Status = Fail
		r.note(err.Error())
		if errors.Is(err, engine.ErrUnsupported) {
			r.Status = Skipped
		}
	}
	failed := 0
	for _, row := range r.Rows {
		if !row.Pass {
			failed++
		}
	}
	if failed > 0 {
		r.Status = Fail
		r.note(fmt.Sprintf("%d of %d rows are off", failed, len(r.Rows)))
	}
	r.Elapsed = time.Since(began)
	return r, nil
}

func (r *CaseResult) note(text string) {
	if r.Reason != "" {
		r.Reason += "; "
	}
	r.Reason += text
}
