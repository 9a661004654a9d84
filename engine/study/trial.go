package study

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"

	"gorgonia.org/tensor"
)

// trial is a case being run.
type trial struct {
	ctx    context.Context
	e      engine.Engine
	s      *SuiteSettings
	result *CaseResult
}

// namedLaw is a law of a case, with its name in the rows.
type namedLaw struct {
	name string
	law  dist.Distribution
}

// row records a number: it passes where |measured - expected| <= tolerance, so never for NaN.
func (t *trial) row(name string, expected, measured, tolerance float64, note ...any) {
	r := Row{Name: name, Expected: expected, Measured: measured, Tolerance: tolerance,
		Pass: math.Abs(measured-expected) <= tolerance}
	if len(note) > 0 {
		r.Note = fmt.Sprintf(note[0].(string), note[1:]...)
	}
	t.result.Rows = append(t.result.Rows, r)
}

// zero records a number that is 0 but for errors below the tolerance.
func (t *trial) zero(name string, measured, tolerance float64, note ...any) {
	t.row(name, 0, measured, tolerance, note...)
}

// figure adds a picture.
func (t *trial) figure(f Figure) { t.result.Figures = append(t.result.Figures, f) }

// of returns the quick sizes or the full ones.
func of[T any](t *trial, quick, full T) T {
	if t.s.Quick {
		return quick
	}
	return full
}

// within returns the tolerance of a number that float64 finds to tol. In float32 the flow's own tolerance is
// no less than 64 roundoffs a step, 4e-6, which the map between grows by so much.
func (t *trial) within(tol, growth float64) float64 {
	if t.s.Dtype == engine.F32 {
		return math.Max(tol, 64*engine.F32.Eps()*growth)
	}
	return tol
}

// done reports progress in parts of the case, and ends a case whose context has ended.
func (t *trial) done(part, parts int) error {
	if t.s.Progress != nil {
		t.s.Progress(t.result.ID, part, parts)
	}
	return t.ctx.Err()
}

// strict is the flow's control where closed forms are met to ten digits.
func strict() flow.Settings { return flow.Settings{Rtol: 1e-12, Atol: 1e-12} }

func (t *trial) encode(law dist.Distribution, x *tensor.Dense, s flow.Settings) (*flow.Result, error) {
	return flow.Encode(t.ctx, t.e, t.s.Dtype, law, x, &s)
}

func (t *trial) decode(law dist.Distribution, z *tensor.Dense, s flow.Settings) (*flow.Result, error) {
	return flow.Decode(t.ctx, t.e, t.s.Dtype, law, z, &s)
}

// sample draws n points of the law.
func (t *trial) sample(law dist.Distribution, n int) *tensor.Dense { return law.Sample(t.s.Seed, n) }

// asymmetry takes |J - J^T|/|J| at the rows of x.
func (t *trial) asymmetry(law dist.Distribution, x *tensor.Dense, s flow.Settings) (Asymmetry, error) {
	return jacobianTest(t.ctx, t.e, flow.Encode, t.s.Dtype, law, x, 0, t.s.Seed, s)
}

func (t *trial) certify(x, z *tensor.Dense) (*ot.Certificate, error) {
	return ot.Certify(t.ctx, x, z, &ot.CertifySettings{Engine: t.e, Threads: t.e.Info().Threads})
}

// numbers returns the numbers of points that a law or a flow made.
func numbers(x *tensor.Dense) []float64 {
	v, _, _, err := engine.Matrix(x)
	if err != nil {
		panic(err) // laws and flows return float64 matrices
	}
	return v
}

// cells returns the numbers of the Jacobians [N, d, d] or tangents [N, K, d] that a flow made.
func cells(j *tensor.Dense) []float64 { return j.Data().([]float64) }

// farthest returns the largest |got - want|, NaN where one of them is.
func farthest(got, want []float64) float64 {
	worst := 0.0
	for i, v := range got {
		d := math.Abs(v - want[i])
		if math.IsNaN(d) {
			return d
		}
		worst = math.Max(worst, d)
	}
	return worst
}

// relative returns the largest |got - want| in units of the largest |want|.
func relative(got, want []float64) float64 {
	return farthest(got, want) / farthest(want, make([]float64, len(want)))
}

// eachRow applies f to every row of x [n, d].
func eachRow(x *tensor.Dense, f func(dst, row []float64)) []float64 {
	v := numbers(x)
	d := x.Shape()[1]
	out := make([]float64, len(v))
	for i := 0; i < len(v); i += d {
		f(out[i:i+d], v[i:i+d])
	}
	return out
}

// meanSquare returns the mean of |x_i - y_i|^2 and its standard error over the n rows.
func meanSquare(x, y []float64, d int) (mean, stderr float64) {
	n := float64(len(x) / d)
	var sum, squares float64
	for i := 0; i < len(x); i += d {
		var c float64
		for k := range d {
			c += (x[i+k] - y[i+k]) * (x[i+k] - y[i+k])
		}
		sum += c
		squares += c * c
	}
	mean = sum / n
	return mean, math.Sqrt(math.Max(0, squares/n-mean*mean) / (n - 1))
}
