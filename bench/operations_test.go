package bench

import (
	"testing"

	"monge/engine"
)

// arrays makes and fills the buffers of a benchmark of one operation.
type arrays struct {
	b    *testing.B
	e    engine.Engine
	t    engine.Dtype
	seed uint64
	held []engine.Buffer
}

func (a *arrays) zeros(t engine.Dtype, b, n, d int) engine.Buffer {
	x := must(a.e.Alloc(t, b, n, d))(a.b)
	a.held = append(a.held, x)
	return x
}

func (a *arrays) normals(b, n, d int) engine.Buffer {
	x := a.zeros(a.t, b, n, d)
	a.seed++
	if err := a.e.Normal(x, a.seed, 0, 0); err != nil {
		a.b.Fatal(err)
	}
	return x
}

func (a *arrays) write(x engine.Buffer, value func(i int) float64) engine.Buffer {
	src := make([]float64, engine.Len(x))
	for i := range src {
		src[i] = value(i)
	}
	if err := a.e.Write(x, 0, src); err != nil {
		a.b.Fatal(err)
	}
	return x
}

func (a *arrays) free() {
	for _, x := range a.held {
		x.Free()
	}
}

// operation runs body once to warm up, and then measures it, on every engine and in both types.
func operation(b *testing.B, n sizes, d int, prepare func(a *arrays, n int) (w work, run func() error)) {
	for _, t := range []engine.Dtype{engine.F32, engine.F64} {
		each(b, t, n, d, func(b *testing.B, e engine.Engine, n int) {
			a := &arrays{b: b, e: e, t: t}
			defer a.free()
			w, run := prepare(a, n)
			if _, err := engine.Time(e, run); err != nil {
				b.Fatal(err)
			}
			measure(b, e, t, w, run)
		})
	}
}

// The softmax by what is asked of it, n queries against n keys.
func BenchmarkSoftmax(b *testing.B) {
	for _, c := range []struct {
		name  string
		means float64 // products a pair and coordinate besides <q, k>
		ask   func(a *arrays, s *engine.Softmax, n, d int)
	}{
		{"lse", 0, func(a *arrays, s *engine.Softmax, n, d int) { s.LSE = a.zeros(a.t, 1, n, 1) }},
		{"max", 0, func(a *arrays, s *engine.Softmax, n, d int) {
			s.Max, s.Arg = a.zeros(a.t, 1, n, 1), a.zeros(engine.I32, 1, n, 1)
		}},
		{"mean", 1, func(a *arrays, s *engine.Softmax, n, d int) { s.Mean = a.zeros(a.t, 1, n, d) }},
		{"colsum", 0, func(a *arrays, s *engine.Softmax, n, d int) {
			s.LSE, s.ColSum = a.zeros(a.t, 1, n, 1), a.zeros(a.t, 1, n, 1)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for _, shape := range []struct {
				n sizes
				d int
			}{{sizes{4096, 16_384, 40}, 3}, {sizes{4096, 16_384, 40}, 64}, {sizes{2048, 8192, 40}, 784}} {
				operation(b, shape.n, shape.d, func(a *arrays, n int) (work, func() error) {
					d := shape.d
					s := &engine.Softmax{Q: a.normals(1, n, d), K: a.normals(1, n, d), U: a.normals(1, n, 1), Scale: 1 / float64(d)}
					c.ask(a, s, n, d)
					pairs := float64(n) * float64(n)
					w := work{
						unit: "pairs", items: pairs, muladds: (1 + c.means) * float64(d) * pairs, exps: pairs,
						bytes: (2 + c.means) * float64(n) * float64(d) * size(a.t),
					}
					if c.name == "max" {
						w.exps = 0
					}
					return w, func() error { return a.e.Softmax(s) }
				})
			}
		})
	}
}

func BenchmarkMatMul(b *testing.B) {
	for _, trans := range []bool{false, true} {
		name := "y"
		if trans {
			name = "yT"
		}
		b.Run(name, func(b *testing.B) {
			for _, d := range []int{64, 1024} {
				operation(b, sizes{2048, 8192, 64}, d, func(a *arrays, n int) (work, func() error) {
					x, y, out := a.normals(1, n, d), a.normals(1, d, n), a.zeros(a.t, 1, n, n)
					if trans {
						y = a.normals(1, n, d)
					}
					nn, dd := float64(n), float64(d)
					w := work{unit: "products", items: nn * nn * dd, muladds: nn * nn * dd, bytes: (2*nn*dd + nn*nn) * size(a.t)}
					return w, func() error { return a.e.MatMul(out, x, y, trans) }
				})
			}
		})
	}
}

// The velocity of 16 components with a basis each: two products with a matrix a component and row.
func BenchmarkMixture(b *testing.B) {
	for _, d := range []int{2, 64} {
		operation(b, sizes{1024, 65_536, 8}, d, func(a *arrays, n int) (work, func() error) {
			const k = 16
			p := &engine.MixtureParams{LogW: a.zeros(a.t, 1, k, 1), Mean: a.normals(1, k, d), Var: a.zeros(a.t, 1, k, d), Basis: a.zeros(a.t, k, d, d)}
			a.write(p.Var, func(i int) float64 { return .1 + float64(i%7) })
			q := orthogonal(d, 1).RawMatrix().Data
			a.write(p.Basis, func(i int) float64 { return q[i%(d*d)] })
			m := &engine.Mixture{P: p, Coef: a.zeros(a.t, 1, n, engine.CoefCount), X: a.normals(1, n, d), V: a.zeros(a.t, 1, n, d)}
			a.write(m.Coef, func(int) float64 { return .5 })
			rows, dd := float64(n), float64(d)
			w := work{unit: "rows", items: rows, muladds: rows * k * (2*dd*dd + 4*dd), exps: rows * k, bytes: (2*rows*dd + k*dd*dd) * size(a.t)}
			return w, func() error { return a.e.Mixture(m) }
		})
	}
}

// What limits the others is memory: bytes are inputs and outputs.
func streaming(b *testing.B, d int, prepare func(a *arrays, n int) (numbers float64, run func() error)) {
	operation(b, sizes{1 << 20 / d, 1 << 26 / d, 1<<12/d + 1}, d, func(a *arrays, n int) (work, func() error) {
		numbers, run := prepare(a, n)
		return work{unit: "numbers", items: float64(n) * float64(d), bytes: numbers * size(a.t)}, run
	})
}

func BenchmarkLinComb(b *testing.B) {
	const k = 7 // as in a step of Dormand-Prince
	for _, d := range []int{2, 64, 784} {
		streaming(b, d, func(a *arrays, n int) (float64, func() error) {
			out, coef, x := a.zeros(a.t, 1, n, d), a.normals(1, n, k), a.normals(n, k, d)
			return float64(n) * (k*float64(d) + k + float64(d)), func() error { return a.e.LinComb(out, coef, x) }
		})
	}
}

func BenchmarkErrorNorm(b *testing.B) {
	const k = 7
	for _, d := range []int{2, 64, 784} {
		streaming(b, d, func(a *arrays, n int) (float64, func() error) {
			out, coef, x := a.zeros(a.t, 1, n, 1), a.normals(n, 1, k), a.normals(n, k, d)
			return float64(n) * (k*float64(d) + k + 1), func() error { return a.e.ErrorNorm(out, coef, x, 0, 1e-6, 1e-6) }
		})
	}
}

func BenchmarkAxpby(b *testing.B) {
	streaming(b, 64, func(a *arrays, n int) (float64, func() error) {
		out, x, y := a.zeros(a.t, 1, n, 64), a.normals(1, n, 64), a.normals(1, n, 64)
		return 3 * float64(n) * 64, func() error { return a.e.Axpby(out, 2, x, 3, y) }
	})
}

func BenchmarkRowDot(b *testing.B) {
	for _, d := range []int{2, 64, 784} {
		streaming(b, d, func(a *arrays, n int) (float64, func() error) {
			out, x, y := a.zeros(a.t, 1, n, 1), a.normals(1, n, d), a.normals(1, n, d)
			return float64(n) * (2*float64(d) + 1), func() error { return a.e.RowDot(out, x, y) }
		})
	}
}

func BenchmarkReduce(b *testing.B) {
	streaming(b, 64, func(a *arrays, n int) (float64, func() error) {
		out, x, y := a.zeros(a.t, 1, 1, 1), a.normals(1, n, 64), a.normals(1, n, 64)
		return 2 * float64(n) * 64, func() error { return a.e.Reduce(out, engine.Dot, x, y) }
	})
}

func BenchmarkCopyRows(b *testing.B) {
	for _, d := range []int{2, 64, 784} {
		streaming(b, d, func(a *arrays, n int) (float64, func() error) {
			out, x, rows := a.zeros(a.t, 1, n, d), a.normals(1, n, d), a.zeros(engine.I32, 1, n, 1)
			a.write(rows, func(i int) float64 { return float64(i * 7919 % n) })
			return 2 * float64(n) * float64(d), func() error { return a.e.CopyRows(out, nil, x, rows) }
		})
	}
}

func BenchmarkNormal(b *testing.B) {
	streaming(b, 64, func(a *arrays, n int) (float64, func() error) {
		out := a.zeros(a.t, 1, n, 64)
		return float64(n) * 64, func() error { return a.e.Normal(out, 1, 2, 3) }
	})
}
