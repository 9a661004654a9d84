package study

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"monge/cpu"
	"monge/engine"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// A row passes within its tolerance alone, and never for what is not a number.
func TestRows(t *testing.T) {
	r := new(CaseResult)
	tr := &trial{s: &SuiteSettings{Dtype: engine.F32}, result: r}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		expected, measured, tolerance float64
		pass                          bool
	}{{1, 1.1, .2, true}, {1, 1.3, .2, false}, {0, 0, 0, true}, {0, nan, 1, false}, {nan, 0, 1, false}, {0, 1, nan, false}, {inf, inf, 1, false}} {
		tr.row("number", c.expected, c.measured, c.tolerance)
		if got := r.Rows[len(r.Rows)-1].Pass; got != c.pass {
			t.Errorf("%v measured %v within %v: pass %v", c.expected, c.measured, c.tolerance, got)
		}
	}
	if got := tr.within(1e-9, 10); got < 1e-6 || got > 1e-3 {
		t.Errorf("float32 tolerance %v", got)
	}
}

// A case fails by its rows or its error, keeps the reason, and ends with the context.
func TestCaseRun(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		c      Case
		status Verdict
		reason string
	}{
		"pass":    {Case{run: func(t *trial) error { t.zero("x", 0, 0); return nil }}, Pass, ""},
		"row":     {Case{run: func(t *trial) error { t.zero("x", 0, 0); t.zero("y", 1, .5); return nil }}, Fail, "1 of 2 rows are off"},
		"error":   {Case{run: func(t *trial) error { t.zero("y", 1, .5); return boom }}, Fail, "boom; 1 of 1 rows are off"},
		"skipped": {Case{skip: "no reason"}, Skipped, "no reason"},
		"unable":  {Case{run: func(*trial) error { return engine.ErrUnsupported }}, Skipped, engine.ErrUnsupported.Error()},
	} {
		r, err := c.c.Run(context.Background(), e, SuiteSettings{})
		if err != nil || r.Status != c.status || r.Reason != c.reason {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range Cases() {
		if c.ID == "E01" {
			s := SuiteSettings{Quick: true, Progress: func(string, int, int) { cancel() }}
			if _, err := c.Run(ctx, e, s); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		}
	}
}

func TestCaseNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if c.Title == "" || seen[c.ID] || c.ID != strings.ToUpper(c.ID) || (c.run == nil) == (c.skip == "") {
			t.Errorf("case %+v", c)
		}
		seen[c.ID] = true
	}
}

// The laws that the flow gets as mixtures over scales have the distribution functions that they stand for.
func TestLineLaws(t *testing.T) {
	for name, f := range map[string]func() (lineMixture, lineLaw){
		"Laplace": func() (lineMixture, lineLaw) { return laplace(.7, .2) },
		"Student": func() (lineMixture, lineLaw) { return student(.3) },
	} {
		mix, law := f()
		for _, x := range []float64{-6, -2, -.3, 0, .05, 1, 4} {
			b, a := mix.masses(x)
			wb, wa := law(x)
			// Two quadratures with errors of 1e-13 of the tails.
			if math.Abs(b-wb) > 1e-12*b+1e-15 || math.Abs(a-wa) > 1e-12*a+1e-15 {
				t.Errorf("%s at %v: masses %v %v, law %v %v", name, x, b, a, wb, wa)
			}
		}
	}
	normal := lineMixture{w: []float64{1}, m: []float64{2}, s: []float64{.5}}
	for _, x := range []float64{-12, 0, 2, 3, 15} { // far out in both tails
		if got, want := lineLaw(normal.masses).quantile(x), (x-2)/.5; math.Abs(got-want) > 1e-13*math.Abs(want) {
			t.Errorf("quantile map of a normal law at %v: %v, want %v", x, got, want)
		}
	}
	if got := normal.slope(3); math.Abs(got-2) > 1e-12 {
		t.Errorf("slope %v, want 2", got)
	}
}

func TestNormQuantile(t *testing.T) {
	for _, d := range []int{1, 2, 7, 64, 3072} {
		for _, z := range []float64{-5, -2, 0, 1.3, 6} { // standard deviations of the norm about sqrt d
			r := math.Sqrt(float64(d)) + z/math.Sqrt2
			if r <= .01 {
				continue
			}
			below, above := normMasses(d, r*r)
			// The masses have fourteen digits, the norm's own relative size is 1/sqrt d of theirs.
			if got := normQuantile(d, below, above); math.Abs(got/(r*r)-1) > 1e-12 {
				t.Errorf("d=%d: squared norm %v, want %v", d, got, r*r)
			}
		}
	}
}

func TestTurns(t *testing.T) {
	for _, d := range []int{1, 2, 9} {
		q := reflections(d, 4)
		m := q.matrix()
		var gram mat.Dense
		gram.Mul(m, m.T())
		x := make([]float64, d)
		for i := range x {
			x[i] = float64(1 + i*i)
			for j := range d {
				want := 0.
				if i == j {
					want = 1
				}
				if math.Abs(gram.At(i, j)-want) > 1e-14 {
					t.Fatalf("d=%d: not orthogonal", d)
				}
			}
		}
		var want mat.VecDense
		want.MulVec(m, mat.NewVecDense(d, append([]float64(nil), x...)))
		y := append([]float64(nil), x...)
		q.apply(y)
		if !floats.EqualApprox(y, want.RawVector().Data, 1e-12) {
			t.Errorf("d=%d: %v, want %v", d, y, want.RawVector().Data)
		}
		q.transposed(y)
		if !floats.EqualApprox(y, x, 1e-12) {
			t.Errorf("d=%d: turned back %v, want %v", d, y, x)
		}
	}
}

func TestHadamard(t *testing.T) {
	if h := hadamard(6); h != nil {
		t.Errorf("six directions: %v", h)
	}
	for _, d := range []int{1, 2, 16} {
		h := hadamard(d)
		for i := range d {
			for j := range i {
				if s := floats.Dot(h[i*d:(i+1)*d], h[j*d:(j+1)*d]); s != 0 {
					t.Errorf("d=%d: directions %d and %d have product %v", d, i, j, s)
				}
			}
		}
	}
}

func TestSlope(t *testing.T) {
	if got := slope([]float64{1, 2, 5}, []float64{3, 24, 375}); math.Abs(got-3) > 1e-13 {
		t.Errorf("slope of 3 x^3 is %v", got)
	}
}
