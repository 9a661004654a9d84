package bound

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"monge/engine"
	"monge/engine/dist"
)

// Methods of Settings.Lipschitz.
const (
	Analytic = "analytic" // the law's closed form: an upper bound
	AllPairs = "pairs"    // pairs of samples, and a grid where Settings.Spacing is positive: a lower estimate
	ByPower  = "power"    // eigenvalues of the symmetrised Jacobian along trajectories, and pairs: a lower estimate
)

// ErrUnsupported is wrapped where an estimate does not apply to a law or a model.
var ErrUnsupported = errors.New("not possible for this law and model")

// Settings of Estimate. The zero value is the default of each field.
type Settings struct {
	Delta float64 // of the model Scaled, where Model is nil; above -1
	Model Model   // nil = Scaled
	// Marginal starts the model from q_T = p_T; false from q_T = N(0, I).
	Marginal  bool
	Lipschitz string  // "" = Analytic
	Spacing   float64 // of the grid of AllPairs over [-1, 1]^d; 0 = no grid
	Samples   int     // of expectations, 0 = 4096
	Clouds    int     // points of the clouds whose distance is measured, 0 = min(Samples, 2048); negative = none
	Steps     int     // of the samplers in continuous time, 0 = 256
	Seed      uint64
	Dtype     engine.Dtype
	Progress  func(done, total int) // nodes done; nil = none
}

// Result of Estimate. What does not apply is NaN.
type Result struct {
	Dim          int
	JSM, JDSM    float64 // summed over the coordinates; JDSM is +Inf in continuous time
	JSMError     float64 // standard error of JSM; 0 where it is exact
	SDE, ODE     Side
	SDEW2, ODEW2 float64 // exact W2(p_0, q_0), where the law is Gaussian and the score linear
	// Posterior is the Alekseev-Groebner bound for the ODE in continuous time: the distance of the flow's and the
	// model's points from one x_T of p_T, in L2, plus the ODE's Offset.
	Posterior float64
	// Clouds are distances of a cloud of data from a cloud of the model's samples (ancestral in discrete time, by the
	// ODE in continuous time), and Bias those of two independent clouds of data: what they show when the model is right.
	Clouds, Bias Distances
	N            int // points of the clouds, 0 = not measured
	Method       string
	Lipschitz    float64 // the largest L_s
	Rigorous     bool    // whether the L_s are upper bounds and time is continuous: sums over steps leave out the steps' own error
	Curves       Curves
	Seconds      float64
}

// estimate is one call of Estimate.
type estimate struct {
	ctx   context.Context
	e     engine.Engine
	p     *Process
	law   dist.Distribution
	s     Settings
	model Model
	exact *Scaled   // the exact score
	line  *Gaussian // where the law is Gaussian and the model Scaled
	d     int
	r     *Result
}

// Estimate bounds and measures W2(p_0, q_0) for a law, a process and a model of its scores.
func Estimate(ctx context.Context, e engine.Engine, p *Process, law dist.Distribution, s Settings) (*Result, error) {
	start := time.Now()
	if s.Samples == 0 {
		s.Samples = 4096
	}
	if s.Clouds == 0 {
		s.Clouds = min(s.Samples, 2048)
	}
	if s.Steps == 0 {
		s.Steps = 256
	}
	if s.Lipschitz == "" {
		s.Lipschitz = Analytic
	}
	if s.Model == nil && !(s.Delta > -1) {
		return nil, fmt.Errorf("bound: delta = %v: want a number above -1: %w", s.Delta, ErrUnsupported)
	}
	if s.Model != nil && s.Model.Dim() != law.Dim() {
		return nil, fmt.Errorf("bound: a model of %d coordinates for a law of %d: %w", s.Model.Dim(), law.Dim(), ErrUnsupported)
	}
	exact, err := NewScaled(e, s.Dtype, law, 0)
	if err != nil {
		return nil, err
	}
	defer exact.Free()
	b := &estimate{ctx: ctx, e: e, p: p, law: law, s: s, model: s.Model, exact: exact, d: law.Dim(), r: newResult(law.Dim())}
	if s.Model == nil {
		scaled := exact.times(s.Delta)
		defer scaled.release()
		b.model = scaled
		if g, ok := law.(dist.GaussianLaw); ok {
			b.line = NewGaussian(g, s.Delta)
		}
	}
	for _, step := range []func() error{b.curves, b.bounds, b.clouds} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b.r.Seconds = time.Since(start).Seconds()
	return b.r, nil
}

func newResult(d int) *Result {
	nan := math.NaN()
	none := Distances{nan, nan, nan}
	return &Result{Dim: d, JDSM: nan, SDEW2: nan, ODEW2: nan, Posterior: nan, Clouds: none, Bias: none}
}
