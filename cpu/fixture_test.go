package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/cpu/tile"
	"monge/engine"
)

// fixture allocates random inputs on one engine.
type fixture struct {
	tb testing.TB
	*Engine
	t   engine.Dtype
	rnd *rand.Rand
}

func newFixture(tb testing.TB, t engine.Dtype, threads int) *fixture {
	return &fixture{tb, New(Options{Threads: threads}), t, rand.New(rand.NewPCG(1, 2))}
}

// atLevels runs a test at every level of this machine.
func atLevels(t *testing.T, f func(t *testing.T, l tile.Level)) {
	for _, l := range tile.Levels() {
		t.Run(l.String(), func(t *testing.T) { f(t, l) })
	}
}

// at makes the engine, which has not worked yet, use a level.
func (f *fixture) at(l tile.Level) *fixture {
	f.level = l
	return f
}

// zeros allocates an array.
func (f *fixture) zeros(b, n, d int) engine.Buffer {
	x, err := f.Alloc(f.t, b, n, d)
	if err != nil {
		f.tb.Fatal(err)
	}
	return x
}

// with allocates an array of the given numbers.
func (f *fixture) with(b, n, d int, x []float64) engine.Buffer {
	buf := f.zeros(b, n, d)
	if err := f.Write(buf, 0, x); err != nil {
		f.tb.Fatal(err)
	}
	return buf
}

// fill allocates an array of numbers made one by one.
func (f *fixture) fill(b, n, d int, make1 func() float64) engine.Buffer {
	x := make([]float64, b*n*d)
	for i := range x {
		x[i] = make1()
	}
	return f.with(b, n, d, x)
}

// normals allocates standard normal numbers.
func (f *fixture) normals(b, n, d int) engine.Buffer { return f.fill(b, n, d, f.rnd.NormFloat64) }

// indices allocates I32 numbers.
func (f *fixture) indices(x []float64) engine.Buffer {
	buf, err := f.Alloc(engine.I32, 1, len(x), 1)
	if err == nil {
		err = f.Write(buf, 0, x)
	}
	if err != nil {
		f.tb.Fatal(err)
	}
	return buf
}

// read returns all numbers of x.
func (f *fixture) read(x engine.Buffer) []float64 {
	h := make([]float64, engine.Len(x))
	if err := f.Read(h, x, 0); err != nil {
		f.tb.Fatal(err)
	}
	return h
}

// times allocates a row's coefficients on the trigonometric path.
func (f *fixture) times(n int) engine.Buffer {
	c := make([]float64, 0, n*engine.CoefCount)
	for range n {
		sin, cos := math.Sincos(f.rnd.Float64() * math.Pi / 2)
		c = append(c, sin, cos, cos, sin)
	}
	return f.with(1, n, engine.CoefCount, c)
}

// rotation returns an orthonormal matrix in d dimensions, a product of three reflections.
func (f *fixture) rotation(d int) []float64 {
	q := make([]float64, d*d)
	for i := range d {
		q[i*d+i] = 1
	}
	for range 3 {
		v := f.unit(d)
		for i := range d {
			householder(tile.Plain, v, q[i*d:(i+1)*d])
		}
	}
	return q
}

func (f *fixture) unit(d int) []float64 {
	v := make([]float64, d)
	var s float64
	for j := range v {
		v[j] = f.rnd.NormFloat64()
		s += v[j] * v[j]
	}
	for j := range v {
		v[j] /= math.Sqrt(s)
	}
	return v
}

// mixture makes a mixture of k components in d dimensions: bases 0, 1 or k matrices, or reflections.
func (f *fixture) mixture(k, d, bases, reflections, varRows, varCols int) *engine.MixtureParams {
	logW := make([]float64, k)
	for i := range logW {
		logW[i] = -math.Log(float64(k))
	}
	p := &engine.MixtureParams{
		LogW: f.with(1, k, 1, logW), Mean: f.normals(1, k, d),
		Var: f.fill(1, varRows, varCols, func() float64 { return math.Exp(f.rnd.NormFloat64()) }),
	}
	if bases > 0 {
		var q []float64
		for range bases {
			q = append(q, f.rotation(d)...)
		}
		p.Basis = f.with(bases, d, d, q)
	}
	if reflections > 0 {
		var v []float64
		for range reflections {
			v = append(v, f.unit(d)...)
		}
		p.Reflect = f.with(1, reflections, d, v)
	}
	return p
}
