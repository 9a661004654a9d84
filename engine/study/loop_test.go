package study_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/study"

	"gonum.org/v1/gonum/mat"
)

func loop(t *testing.T, law dist.Distribution, s study.LoopSettings) *study.Loop {
	t.Helper()
	e := cpu.New(cpu.Options{})
	defer e.Close()
	l, err := study.LoopCertificate(context.Background(), e, law, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// checkLoop recomputes the change from the points alone.
func checkLoop(t *testing.T, l *study.Loop) {
	t.Helper()
	x, k, d, err := engine.Matrix(l.X)
	if err != nil {
		t.Fatal(err)
	}
	z, _, _, _ := engine.Matrix(l.Z)
	var own, next float64
	for i := range k {
		own += squared(x[i*d:(i+1)*d], z[i*d:(i+1)*d])
		next += squared(x[i*d:(i+1)*d], z[(i+1)%k*d:][:d])
	}
	// The difference of two sums of k d squares, each rounded a few times.
	if got := (next - own) / own; k != l.Points || math.Abs(got-l.Change) > 1e-12 {
		t.Errorf("%d points cost %g more re-paired, not %g", k, got, l.Change)
	}
}

func squared(x, y []float64) (s float64) {
	for t, v := range x {
		s += (v - y[t]) * (v - y[t])
	}
	return s
}

// The quartic banana around (1, .8): golden values, of two digits.
func TestLoopBanana(t *testing.T) {
	law, err := dist.NewDensity([]dist.Term{{Weight: 1, Poly: []dist.Monomial{
		{Coef: -.5, Powers: []int{4, 0}}, {Coef: .5, Powers: []int{2, 0}}, {Coef: -.3, Powers: []int{1, 0}},
		{Coef: -1, Powers: []int{0, 2}}, {Coef: 1, Powers: []int{2, 1}}, {Coef: -.05, Powers: []int{0, 4}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		k    int
		want float64
	}{{80, 6.4e-5}, {130, -6.8e-5}, {200, -8.3e-5}} {
		l := loop(t, law, study.LoopSettings{At: []float64{1, .8}, Points: c.k, Radius: .05})
		checkLoop(t, l)
		if math.Abs(l.Change-c.want) > .5e-6 || l.NotOptimal != (c.want < 0) {
			t.Errorf("K = %d: %g, want %g; not optimal %v", c.k, l.Change, c.want, l.NotOptimal)
		}
		if math.Abs(l.Threshold-93) > .5 || math.Abs(l.Curl-.086474) > 1e-6 { // J21 - J12 of the golden Jacobian, six digits
			t.Errorf("K = %d: threshold %g, curl %g", c.k, l.Threshold, l.Curl)
		}
	}
}

// The re-pairing gains beyond the threshold and not below it, in a rotated plane of many dimensions too, and as
// much as the Jacobian says.
func TestLoopThreshold(t *testing.T) {
	copies, err := dist.NewCopies(dist.G1(), 3)
	if err != nil {
		t.Fatal(err)
	}
	q := mat.NewDense(6, 6, nil)
	v := []float64{.5, -.1, .7, .3, -.2, .35}
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	for i := range 6 {
		for j := range 6 {
			q.Set(i, j, -2*v[i]*v[j]/s)
		}
		q.Set(i, i, 1+q.At(i, i))
	}
	rotated, err := dist.NewRotation(copies, q)
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewVecDense(6, []float64{.45, -.3, .5, -.3, .5, -.25})
	var at mat.VecDense
	at.MulVec(q, x)
	for name, c := range map[string]struct {
		law dist.Distribution
		at  []float64
	}{"plane": {dist.G1(), []float64{.5, -.3}}, "rotated copies": {rotated, at.RawVector().Data}} {
		auto := loop(t, c.law, study.LoopSettings{At: c.at})
		checkLoop(t, auto)
		if !auto.NotOptimal || auto.Points != int(math.Ceil(2*auto.Threshold)) {
			t.Errorf("%s: %d points, threshold %g, change %g +- %g", name, auto.Points, auto.Threshold, auto.Change, auto.Error)
		}
		for factor, gains := range map[float64]bool{.8: false, 1.25: true} {
			l := loop(t, c.law, study.LoopSettings{At: c.at, Points: int(math.Round(factor * auto.Threshold)), Radius: auto.Radius / 4})
			if l.NotOptimal != gains || math.Signbit(l.Change) != gains {
				t.Errorf("%s: %d points, threshold %g: change %g +- %g", name, l.Points, l.Threshold, l.Change, l.Error)
			}
		}
	}
	if p, r := loop(t, dist.G1(), study.LoopSettings{At: []float64{.5, -.3}}), loop(t, rotated, study.LoopSettings{At: at.RawVector().Data}); r.Threshold > p.Threshold*(1+1e-6) {
		t.Errorf("rotated copies: threshold %g, one copy alone %g", r.Threshold, p.Threshold)
	}
}

// Beyond LoopExact dimensions random directions lay the loop.
func TestLoopProbes(t *testing.T) {
	copies, err := dist.NewCopies(dist.G1(), study.LoopExact/2+20)
	if err != nil {
		t.Fatal(err)
	}
	l := loop(t, copies, study.LoopSettings{At: copies.Sample(3, 1).Data().([]float64)})
	checkLoop(t, l)
	if !l.NotOptimal || !(l.Threshold > 2) {
		t.Errorf("%d points, threshold %g, change %g +- %g", l.Points, l.Threshold, l.Change, l.Error)
	}
}

// Where the symmetric part has a negative eigenvalue two points show it.
func TestLoopIndefinite(t *testing.T) {
	l := loop(t, dist.G1(), study.LoopSettings{At: []float64{-.4, -.5}})
	checkLoop(t, l)
	if l.Points != 2 || !l.NotOptimal {
		t.Errorf("%d points, change %g +- %g", l.Points, l.Change, l.Error)
	}
}

func TestLoopEdges(t *testing.T) {
	// An affine symmetric encoder has no loop, or one that rounding makes.
	law, err := dist.RandomGaussian(3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if l := loop(t, law, study.LoopSettings{At: []float64{1, 2, 3}}); l.Threshold < 1e6 || l.NotOptimal || l.X != nil {
		t.Errorf("Gaussian: %+v", l)
	}
	if l := loop(t, dist.G1(), study.LoopSettings{At: []float64{.5, -.3}, MaxPoints: 20}); l.X != nil || !math.IsNaN(l.Change) || l.NotOptimal || !(l.Threshold > 20) {
		t.Errorf("at most 20 points: %+v", l)
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	for _, s := range []study.LoopSettings{{At: []float64{1}}, {At: []float64{1, 2, 3}, Points: 1}, {At: []float64{1, 2, 3}, Radius: -1}} {
		if _, err := study.LoopCertificate(context.Background(), e, law, s); !errors.Is(err, engine.ErrShape) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := study.LoopCertificate(ctx, e, dist.G1(), study.LoopSettings{At: []float64{1, .8}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
