package dist

import (
	"errors"
	"math"
	"slices"
	"testing"

	"monge/cpu"
	"monge/engine"
)

// TestEvalFloat32 runs every law in float32 against the explicit mixtures.
func TestEvalFloat32(t *testing.T) {
	const n = 6
	for _, c := range lawCases() {
		if c.name == "points/far" { // 300 units away in units of .1: beyond float32's differences
			continue
		}
		e := openEngine(t)
		f := must(c.law.Bind(e, engine.F32))
		d := c.law.Dim()
		ref := c.whole()
		data, _, _, _ := engine.Matrix(c.law.Sample(21, n))
		rnd := newSource(4)
		var x, coef, v, logp []float64
		for i := range n {
			ci := []float64{.6, .8, -.8, -.48}
			for j := range d {
				// Rounded to float32, so that both see the same point.
				x = append(x, float64(float32(ci[0]*data[i*d+j]+ci[1]*rnd.NormFloat64())))
			}
			coef = append(coef, ci...)
			v = append(v, ref.velocity(x[i*d:], ci)[:d]...)
			logp = append(logp, ref.logp(x[i*d:(i+1)*d], ci[0], ci[1]))
		}
		single := func(b, n, d int, x []float64) engine.Buffer {
			buf := must(e.Alloc(engine.F32, b, n, d))
			if err := e.Write(buf, 0, x); err != nil {
				t.Fatal(err)
			}
			return buf
		}
		r := &Request{Coef: single(1, n, 4, coef), X: single(1, n, d, x), V: single(1, n, d, make([]float64, n*d)), LogP: single(1, n, 1, make([]float64, n))}
		if err := f.Eval(r); err != nil {
			t.Fatal(c.name, err)
		}
		// Rounding 6e-8 of points 20 away, amplified by logits of up to |x|^2/D = 600.
		checkClose(t, c.name+" V", download(t, e, r.V), v, 2e-4)
		checkClose(t, c.name+" LogP", download(t, e, r.LogP), logp, 2e-4)
		f.Free()
	}
}

// TestRowsAlone asserts that a row's result does not depend on the rows around it, to the bit.
func TestRowsAlone(t *testing.T) {
	const n = 40
	for _, c := range lawCases() {
		e := openEngine(t)
		f := must(c.law.Bind(e, engine.F64))
		d := c.law.Dim()
		x, _, _, _ := engine.Matrix(c.law.Sample(2, n))
		var coef []float64
		for i := range n {
			coef = append(coef, testTimes[i%len(testTimes)]...)
		}
		eval := func(from, to int) []float64 {
			m := to - from
			r := &Request{Coef: upload(t, e, 1, m, 4, coef[4*from:4*to]), X: upload(t, e, 1, m, d, x[from*d:to*d]), V: zeros(t, e, 1, m, d), Div: zeros(t, e, 1, m, 1)}
			if err := f.Eval(r); err != nil {
				t.Fatal(c.name, err)
			}
			return append(download(t, e, r.V), download(t, e, r.Div)...)
		}
		all := eval(0, n)
		for _, i := range []int{0, 17, n - 1} {
			one := eval(i, i+1)
			if !slices.Equal(one[:d], all[i*d:(i+1)*d]) || one[d] != all[n*d+i] {
				t.Errorf("%s: row %d alone differs from row %d of %d", c.name, i, i, n)
			}
		}
		f.Free()
	}
}

// TestFieldErrors asserts that wrong shapes are errors and leave the field usable.
func TestFieldErrors(t *testing.T) {
	for _, c := range lawCases() {
		e := openEngine(t)
		f := must(c.law.Bind(e, engine.F64)).(Jumper)
		d := c.law.Dim()
		x, coef, wide := zeros(t, e, 1, 2, d), upload(t, e, 1, 2, 4, []float64{.6, .8, 0, 1, .6, .8, 0, 1}), zeros(t, e, 1, 2, d+1)
		branch := must(e.Alloc(engine.I32, 1, 2, f.Branches()+1))
		for what, err := range map[string]error{
			"no X":          f.Eval(&Request{Coef: coef, V: x}),
			"wide X":        f.Eval(&Request{Coef: coef, X: wide, V: x}),
			"few times":     f.Eval(&Request{Coef: coef.View(0, 1, 1, 4), X: x, V: x}),
			"no tangents":   f.Eval(&Request{Coef: coef, X: x, TV: zeros(t, e, 2, 1, d)}),
			"wide tangents": f.Eval(&Request{Coef: coef, X: x, T: zeros(t, e, 2, 1, d+1), TV: zeros(t, e, 2, 1, d)}),
			"no To":         f.Follow(&Follow{Branch: branch, From: coef, X: x, Y: x}),
			"long Branch":   f.Follow(&Follow{Branch: branch, From: coef, To: coef, X: x, Y: x}),
			"short V":       f.Eval(&Request{Coef: coef, X: x, V: zeros(t, e, 1, 1, d)}),
		} {
			if !errors.Is(err, engine.ErrShape) {
				t.Errorf("%s: %s: error %v, want ErrShape", c.name, what, err)
			}
		}
		if err := f.Eval(&Request{Coef: coef, X: x, V: zeros(t, e, 1, 2, d)}); err != nil {
			t.Errorf("%s: after errors: %v", c.name, err)
		}
		none := &Request{Coef: zeros(t, e, 1, 0, 4), X: zeros(t, e, 1, 0, d), V: zeros(t, e, 1, 0, d)}
		if err := f.Eval(none); err != nil {
			t.Errorf("%s: no rows: %v", c.name, err)
		}
		f.Free()
	}
}

// TestMemory asserts that a law too large for the engine is an error at Bind, and that Free gives everything back.
func TestMemory(t *testing.T) {
	small := cpu.New(cpu.Options{MaxMemory: 4096})
	defer small.Close()
	for _, law := range []Distribution{must(RandomGaussian(4000, 1)), must(NewPoints(Digits(), nil, 1)), must(NewCopies(must(NewPoints(Digits(), nil, 1)), 2)),
		must(NewProduct(G1(), must(NewPoints(Digits(), nil, 1))))} {
		_, err := law.Bind(small, engine.F64)
		var m *engine.MemoryError
		if !errors.As(err, &m) || !errors.Is(err, engine.ErrOutOfMemory) {
			t.Errorf("error %v, want a MemoryError", err)
		}
	}
	if free := small.Info().Free; free != 4096 {
		t.Errorf("%d of 4096 bytes free after failed binds", free)
	}

	const limit = 64 << 20
	e := cpu.New(cpu.Options{MaxMemory: limit})
	defer e.Close()
	for _, c := range lawCases() {
		f := must(c.law.Bind(e, engine.F64)).(Jumper)
		d := c.law.Dim()
		used := []engine.Buffer{zeros(t, e, 1, 3, d), upload(t, e, 1, 3, 4, []float64{.6, .8, 0, 1, .6, .8, 0, 1, .6, .8, 0, 1}), zeros(t, e, 3, 2, d), zeros(t, e, 3, 2, d), zeros(t, e, 1, 3, 1),
			must(e.Alloc(engine.I32, 1, 3, f.Branches())), zeros(t, e, 1, 3, 1)}
		x, coef, tang, tv, div, branch, logp := used[0], used[1], used[2], used[3], used[4], used[5], used[6]
		if err := errors.Join(f.Eval(&Request{Coef: coef, X: x, T: tang, TV: tv, Div: div, LogP: logp}), f.Dominant(branch, coef, x),
			f.Follow(&Follow{Branch: branch, From: coef, To: coef, X: x, T: tang, TY: tv, Others: div, LogDet: logp})); err != nil {
			t.Error(c.name, err)
		}
		f.Free()
		for _, b := range used {
			b.Free()
		}
		if free := e.Info().Free; free != limit {
			t.Errorf("%s: %d bytes are not given back", c.name, limit-free)
		}
	}
}

// TestTinyWeights: where the component of a weight near the end of the range alone counts, the density has its weight.
func TestTinyWeights(t *testing.T) {
	const tiny, far = 5e-324, 100.0 // ln p at far from the other component is -5000
	e := openEngine(t)
	weights, unit := []float64{1, tiny}, must(Isotropic(1, 1))
	for name, law := range map[string]Distribution{
		"mixture": must(NewMixture(weights, [][]float64{{0}, {far}}, []*Covariance{unit})),
		"points":  must(NewPoints(engine.Points([]float64{0, far}, 2, 1), weights, 1)),
	} {
		f := must(law.Bind(e, engine.F64))
		defer f.Free()
		r := &Request{Coef: upload(t, e, 1, 1, 4, []float64{1, 0, 0, 1}), X: upload(t, e, 1, 1, 1, []float64{far}), LogP: zeros(t, e, 1, 1, 1)}
		if err := f.Eval(r); err != nil {
			t.Fatal(err)
		}
		// The three terms are rounded once each, with a unit of 1e-13 in the logarithm of 2^-1074.
		checkClose(t, name, download(t, e, r.LogP), []float64{-1074*math.Ln2 - math.Log(2*math.Pi)/2}, 1e-14)
	}
}
