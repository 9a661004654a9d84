// Package study holds the experiments: whole questions asked of the rooms below, each in one call.
package study

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/rng"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// CompareSettings describes one comparison of a law's encoder with optimal transport.
type CompareSettings struct {
	Law dist.Distribution
	// Points are the data to encode [N, D]; nil draws N points from the law.
	Points  *tensor.Dense
	N       int    // points to draw; 0 = 1000; not used where Points are given
	Seed    uint64 // of the draw and of the probes
	Dtype   engine.Dtype
	Flow    flow.Settings      // Tangents, Jacobian, LogP and Progress are set here
	Certify ot.CertifySettings // Engine, Threads, Line and Progress are set here
	// Encode stands in for [flow.Encode], for the points and for the Jacobians; nil = flow.Encode itself.
	Encode Encoder

	// Probes > 0 estimates the Jacobian's asymmetry from that many random directions a point; 0 takes the
	// exact Jacobian up to D = ExactJacobian and DefaultProbes directions beyond.
	Probes int
	// JacobianPoints is how many points, spread evenly over the rows, the asymmetry is taken at; 0 = 128.
	JacobianPoints int

	// Progress is told the stage and how much of it is done; total = 0 where that is not known. nil = none.
	Progress func(stage string, done, total int)
}

const (
	// ExactJacobian is the largest D for which the exact Jacobian is the default.
	ExactJacobian = 16
	// DefaultProbes is the number of directions a point beyond that.
	DefaultProbes = 8

	// DefaultJacobianPoints is the number of points at which the asymmetry is taken.
	DefaultJacobianPoints = 128

	defaultDraw       = 1000
	symmetric         = 1e-7 // largest asymmetry that is rounding and the solver's error
	leastLoop         = 256  // points that a loop may always have
	mostSingular      = 2048 // singular values that Gelbrich's bound may take
	jacobianTolerance = 1e-8 // above it the solver's own error would be read as asymmetry
)

// Encoder is a function like [flow.Encode].
type Encoder func(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, s *flow.Settings) (*flow.Result, error)

// Stages that Compare reports through Progress.
const (
	StageEncode    = "encode"
	StageJacobian  = "jacobian"
	StageTransport = "transport"
	StagePotential = "potential"
	StageLoop      = "loop"
)

// Comparison is the answer: how the coupling (x, E(x)) of the encoder E stands to the optimal one of the
// same two clouds. Costs are mean squared distances.
type Comparison struct {
	X, Z *tensor.Dense // data and latents [N, D]
	Flow flow.Stats
	// Transport is the certificate of the encoder's coupling: its cost, the bracket of the optimal cost,
	// gap, slack margin, moved fraction, and the best pairing found.
	Transport *ot.Certificate
	Jacobian  Asymmetry
	// Loop is a loop of points around the row LoopRow, of those that Jacobian was taken at, where it shows most.
	// nil where the Jacobians are symmetric.
	Loop    *Loop
	LoopRow int
	Bounds  Bounds
	Elapsed time.Duration
}

// Asymmetry summarises |J - J^T|_F / |J|_F over points; 0 everywhere exactly when the encoder is locally
// a gradient, as an optimal map must be (Brenier).
type Asymmetry struct {
	Mean, Max float64
	Points    int
	Probes    int // directions a point; 0 = exact Jacobians
	// Least is the smallest eigenvalue of (J + J^T)/2 over the points, at least 0 for an optimal map; NaN
	// where the Jacobians were not exact.
	Least float64
	// Steepest is the number of the point around which the fewest points make a [Loop], or, by directions, of
	// the largest asymmetry.
	Steepest int
}

// Bounds are lower bounds of W2^2 of the two clouds that need no transport solve.
type Bounds struct {
	// Gelbrich is the Bures distance of the first two moments; NaN where N and D are both above 2048, where its
	// singular values would take longer than all else.
	Gelbrich  float64
	Marginal  float64 // sum over the axes of the one-dimensional W2^2
	Principal float64 // the same over the principal axes of both clouds together
	Sliced    float64 // D times the mean over directions of the one-dimensional W2^2
}

// Compare encodes points by the law's probability-flow ODE and compares the coupling with the optimal
// one (Khrulkov et al., arXiv 2202.07477, section 5), with a certificate, the asymmetry of the encoder's
// Jacobian and lower bounds beside it, because the cloud's gap alone is blind in large dimension.
func Compare(ctx context.Context, e engine.Engine, s CompareSettings) (*Comparison, error) {
	start := time.Now()
	if s.Law == nil {
		return nil, fmt.Errorf("study: compare: no law")
	}
	x := s.Points
	if x == nil {
		n := s.N
		if n == 0 {
			n = defaultDraw
		}
		if n < 0 {
			return nil, fmt.Errorf("study: compare: n = %d: %w", n, engine.ErrShape)
		}
		x = s.Law.Sample(s.Seed, n)
	}
	if shape := x.Shape(); len(shape) != 2 || shape[0] < 1 || shape[1] != s.Law.Dim() {
		return nil, fmt.Errorf("study: compare: points of shape %v for a law of dimension %d: %w", shape, s.Law.Dim(), engine.ErrShape)
	}
	c := &Comparison{X: x}

	fs := s.Flow
	fs.Progress = s.stage(StageEncode)
	if s.Encode == nil {
		s.Encode = flow.Encode
	}
	enc, err := s.Encode(ctx, e, s.Dtype, s.Law, x, &fs)
	if err != nil {
		return nil, err
	}
	c.Z, c.Flow = enc.X, enc.Stats

	if c.Jacobian, c.LoopRow, err = asymmetry(ctx, e, &s, x); err != nil {
		return nil, err
	}
	if c.Jacobian.Max > symmetric {
		if c.Loop, err = c.loop(ctx, e, &s); err != nil {
			return nil, err
		}
	}

	cs := s.Certify
	cs.Engine, cs.Threads = e, e.Info().Threads
	cs.Line = func(ctx context.Context) ([]float64, error) {
		ls := s.Flow
		ls.Progress = s.stage(StagePotential)
		return flow.Potential(ctx, e, s.Dtype, s.Law, x, 0, &ls)
	}
	if s.Progress != nil {
		s.Progress(StageTransport, 0, 0)
		cs.Progress = func(passes int, _ float64) { s.Progress(StageTransport, passes, 0) }
	}
	if c.Transport, err = ot.Certify(ctx, c.X, c.Z, &cs); err != nil {
		return nil, err
	}
	if c.Bounds, err = bounds(ctx, ot.Clouds{X: c.X, Y: c.Z}, s.Seed); err != nil {
		return nil, err
	}
	c.Elapsed = time.Since(start)
	return c, nil
}

func (s *CompareSettings) stage(name string) func(done, total int) {
	if s.Progress == nil {
		return nil
	}
	return func(done, total int) { s.Progress(name, done, total) }
}

// loop lays a loop around the row LoopRow, of no more points than about those that were encoded.
func (c *Comparison) loop(ctx context.Context, e engine.Engine, s *CompareSettings) (*Loop, error) {
	data, n, d, err := engine.Matrix(c.X)
	if err != nil {
		return nil, err
	}
	if s.Progress != nil {
		s.Progress(StageLoop, 0, 0)
	}
	return LoopCertificate(ctx, e, s.Law, LoopSettings{
		At: data[c.LoopRow*d : (c.LoopRow+1)*d], Flow: s.Flow, Seed: s.Seed, MaxPoints: max(leastLoop, n),
	})
}

// asymmetry solves the encoder's Jacobian, or its action on random directions, at some of the points, and returns
// the row where a loop shows most.
func asymmetry(ctx context.Context, e engine.Engine, s *CompareSettings, x *tensor.Dense) (Asymmetry, int, error) {
	data, n, d, err := engine.Matrix(x)
	if err != nil {
		return Asymmetry{}, 0, err
	}
	points := s.JacobianPoints
	if points == 0 {
		points = DefaultJacobianPoints
	}
	points = min(points, n)
	at := make([]float64, 0, points*d)
	for i := range points {
		row := i * n / points
		at = append(at, data[row*d:(row+1)*d]...)
	}

	fs := s.Flow
	fs.Rtol = math.Min(orDefault(fs.Rtol), jacobianTolerance)
	fs.Atol = math.Min(orDefault(fs.Atol), jacobianTolerance)
	fs.Progress = s.stage(StageJacobian)
	a, err := jacobianTest(ctx, e, s.Encode, s.Dtype, s.Law, engine.Points(at, points, d), s.Probes, s.Seed, fs)
	return a, a.Steepest * n / points, err
}

// jacobianTest takes the asymmetry of the encoder's Jacobian at the rows of x [N, D]: from that many random
// directions a row, or, for 0 of them, from exact Jacobians up to D = ExactJacobian and DefaultProbes beyond.
func jacobianTest(ctx context.Context, e engine.Engine, encode Encoder, t engine.Dtype, law dist.Distribution, x *tensor.Dense, probes int, seed uint64, fs flow.Settings) (Asymmetry, error) {
	n, d := x.Shape()[0], x.Shape()[1]
	if probes == 0 && d > ExactJacobian {
		probes = DefaultProbes
	}
	if probes == 0 {
		fs.Jacobian = true
		r, err := encode(ctx, e, t, law, x, &fs)
		if err != nil {
			return Asymmetry{}, err
		}
		a := Summarise(flow.Asymmetry(r.Jacobian), 0)
		a.Least = slices.Min(flow.SmallestEigenvalue(r.Jacobian))
		steepest := 0.0
		for i := range n {
			if p, _ := steepestPlane(mat.NewDense(d, d, cells(r.Jacobian)[i*d*d:(i+1)*d*d])); p.s > steepest {
				steepest, a.Steepest = p.s, i
			}
		}
		return a, nil
	}
	dir := make([]float64, n*probes*d)
	rng.Normals(dir, seed, probeStream, 0)
	v := tensor.New(tensor.WithShape(n, probes, d), tensor.WithBacking(dir))
	fs.Tangents = v
	r, err := encode(ctx, e, t, law, x, &fs)
	if err != nil {
		return Asymmetry{}, err
	}
	asym, err := flow.AsymmetryProbes(v, r.Tangents)
	if err != nil {
		return Asymmetry{}, err
	}
	a := Summarise(asym, probes)
	a.Steepest = floats.MaxIdx(asym)
	return a, nil
}

// probeStream separates the probes' directions from the draws of the law.
const probeStream = 0x70726f6265

func orDefault(tol float64) float64 {
	if tol == 0 {
		return jacobianTolerance
	}
	return tol
}

// Summarise takes the mean and the largest of the points' asymmetries.
func Summarise(asym []float64, probes int) Asymmetry {
	a := Asymmetry{Points: len(asym), Probes: probes, Least: math.NaN()}
	for _, v := range asym {
		a.Mean += v / float64(len(asym))
		a.Max = math.Max(a.Max, v)
	}
	return a
}

func bounds(ctx context.Context, c ot.Clouds, seed uint64) (b Bounds, err error) {
	b.Gelbrich = math.NaN()
	if s := c.X.Shape(); min(s[0], s[1]) <= mostSingular {
		if b.Gelbrich, err = ot.Gelbrich(ctx, c); err != nil {
			return b, err
		}
	}
	if b.Marginal, err = ot.Marginal(ctx, c); err != nil {
		return b, err
	}
	axes, err := ot.PrincipalAxes(ctx, c, seed)
	if err != nil {
		return b, err
	}
	if b.Principal, err = ot.MarginalAlong(ctx, c, axes, 0); err != nil {
		return b, err
	}
	r, err := ot.Sliced(ctx, c, &ot.SlicedSettings{Seed: seed})
	if err != nil {
		return b, err
	}
	b.Sliced = r.Lower
	return b, nil
}
