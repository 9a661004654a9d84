package cpu

import (
	"fmt"
	"math"
	"testing"

	"monge/cpu/tile"
	"monge/engine"
)

// rowwise is an operation whose outputs belong to rows: run makes the inputs of all its rows, puts those
// of the given rows on f's engine, and returns the outputs.
type rowwise struct {
	name string
	n    int
	run  func(f *fixture, rows []int) [][]float64
}

// rows allocates rows of width w of an array [n, w] of normal numbers.
func (f *fixture) rows(n, w int, rows []int) []float64 {
	all := make([]float64, n*w)
	for i := range all {
		all[i] = f.rnd.NormFloat64()
	}
	return pick(all, w, rows)
}

func pick(all []float64, w int, rows []int) []float64 {
	var x []float64
	for _, i := range rows {
		x = append(x, all[i*w:(i+1)*w]...)
	}
	return x
}

func rowwiseCases() []rowwise {
	var list []rowwise
	for _, d := range []int{1, 2, 3, 4, 5, 64, 97, 600} {
		for _, m := range []int{3, 517} {
			list = append(list, rowwise{fmt.Sprintf("Softmax/d=%d/m=%d", d, m), 131, softmaxRows(d, m, true)})
			list = append(list, rowwise{fmt.Sprintf("Softmax/lse/d=%d/m=%d", d, m), 131, softmaxRows(d, m, false)})
		}
	}
	for _, c := range [][4]int{{1, 3, 0, 0}, {3, 2, 3, 0}, {3, 5, 1, 0}, {3, 5, 0, 2}, {16, 17, 16, 0}, {2, 130, 2, 0}, {5, 7, 0, 0}} {
		name := fmt.Sprintf("k=%d/d=%d/bases=%d/reflections=%d", c[0], c[1], c[2], c[3])
		list = append(list, rowwise{"Mixture/" + name, 131, mixtureRows(c)}, rowwise{"MixtureFollow/" + name, 131, followRows(c)})
	}
	for _, d := range []int{1, 7, 300} {
		list = append(list,
			rowwise{fmt.Sprintf("LinComb/d=%d", d), 131, func(f *fixture, rows []int) [][]float64 {
				n := len(rows)
				x, c, out := f.with(n, 5, d, f.rows(131, 5*d, rows)), f.with(1, n, 5, f.rows(131, 5, rows)), f.zeros(1, n, d)
				f.ok(f.LinComb(out, c, x))
				return [][]float64{f.read(out)}
			}},
			rowwise{fmt.Sprintf("ErrorNorm/d=%d", d), 131, func(f *fixture, rows []int) [][]float64 {
				n := len(rows)
				x, c, out := f.with(n, 5, d, f.rows(131, 5*d, rows)), f.with(n, 2, 5, f.rows(131, 10, rows)), f.zeros(1, n, 2)
				f.ok(f.ErrorNorm(out, c, x, 3, 1e-3, 1e-2))
				return [][]float64{f.read(out)}
			}},
			rowwise{fmt.Sprintf("RowDot/d=%d", d), 131, func(f *fixture, rows []int) [][]float64 {
				n := len(rows)
				x, y, out := f.with(1, n, d, f.rows(131, d, rows)), f.with(1, n, d, f.rows(131, d, rows)), f.zeros(1, n, 1)
				f.ok(f.RowDot(out, x, y))
				return [][]float64{f.read(out)}
			}},
		)
	}
	for _, k := range []int{3, 64, 700} {
		for _, trans := range []bool{false, true} {
			list = append(list, rowwise{fmt.Sprintf("MatMul/k=%d/trans=%v", k, trans), 131, func(f *fixture, rows []int) [][]float64 {
				n, m := len(rows), 333
				y := f.normals(1, k, m)
				if trans {
					y = y.View(0, 1, m, k)
				}
				x, out := f.with(1, n, k, f.rows(131, k, rows)), f.zeros(1, n, m)
				f.ok(f.MatMul(out, x, y, trans))
				return [][]float64{f.read(out)}
			}})
		}
	}
	return list
}

func (f *fixture) ok(err error) {
	f.tb.Helper()
	if err != nil {
		f.tb.Fatal(err)
	}
}

func softmaxRows(d, m int, all bool) func(f *fixture, rows []int) [][]float64 {
	return func(f *fixture, rows []int) [][]float64 {
		n := len(rows)
		k, v, u, w := f.normals(1, m, d), f.normals(1, m, 5), f.normals(1, m, 1), f.normals(1, m, 1)
		op := &engine.Softmax{
			Q: f.with(1, n, d, f.rows(131, d, rows)), K: k, V: v, U: u, W: w,
			C: f.with(1, n, 1, f.rows(131, 1, rows)), S: f.with(1, n, 1, f.rows(131, 1, rows)),
			LSE: f.zeros(1, n, 1), Max: f.zeros(1, n, 1),
		}
		skip := make([]float64, 131)
		for i := range skip {
			skip[i] = float64(f.rnd.IntN(m))
		}
		op.Skip = f.indices(pick(skip, 1, rows))
		var err error
		op.Arg, err = f.Alloc(engine.I32, 1, n, 1)
		f.ok(err)
		if all {
			op.Mean, op.Second = f.zeros(1, n, 5), f.zeros(1, n, 1)
			op.T, op.TMean = f.with(n, 3, d, f.rows(131, 3*d, rows)), f.zeros(n, 3, 5)
		}
		f.ok(f.Softmax(op))
		out := [][]float64{f.read(op.LSE), f.read(op.Max), f.read(op.Arg)}
		if all {
			out = append(out, f.read(op.Mean), f.read(op.Second), f.read(op.TMean))
		}
		return out
	}
}

// somewhere returns times of which many are equal, the data and the latent end among them.
func (f *fixture) somewhere(rows []int) engine.Buffer {
	var c []float64
	for i := range 131 {
		th := f.rnd.Float64() * math.Pi / 2
		if i%3 != 0 {
			th = float64(i%5) / 4 * math.Pi / 2
		}
		sin, cos := math.Sincos(th)
		c = append(c, sin, cos, cos, sin)
	}
	return f.with(1, len(rows), engine.CoefCount, pick(c, engine.CoefCount, rows))
}

func mixtureRows(c [4]int) func(f *fixture, rows []int) [][]float64 {
	return func(f *fixture, rows []int) [][]float64 {
		n, d := len(rows), c[1]
		op := &engine.Mixture{
			P: f.mixture(c[0], d, c[2], c[3], c[0], d), Coef: f.somewhere(rows),
			X: f.with(1, n, d, f.rows(131, d, rows)), T: f.with(n, 2, d, f.rows(131, 2*d, rows)),
			V: f.zeros(1, n, d), TV: f.zeros(n, 2, d), Div: f.zeros(1, n, 1), LogP: f.zeros(1, n, 1), LogR: f.zeros(1, n, c[0]),
		}
		f.ok(f.Mixture(op))
		v := f.zeros(1, n, d)
		f.ok(f.Mixture(&engine.Mixture{P: op.P, Coef: op.Coef, X: op.X, V: v}))
		return [][]float64{f.read(op.V), f.read(op.TV), f.read(op.Div), f.read(op.LogP), f.read(op.LogR), f.read(v)}
	}
}

func followRows(c [4]int) func(f *fixture, rows []int) [][]float64 {
	return func(f *fixture, rows []int) [][]float64 {
		n, d := len(rows), c[1]
		branch := make([]float64, 131)
		for i := range branch {
			branch[i] = float64(f.rnd.IntN(c[0]))
		}
		op := &engine.MixtureFollow{
			P: f.mixture(c[0], d, c[2], c[3], c[0], d), Branch: f.indices(pick(branch, 1, rows)), From: f.somewhere(rows), To: f.somewhere(rows),
			X: f.with(1, n, d, f.rows(131, d, rows)), T: f.with(n, 2, d, f.rows(131, 2*d, rows)),
			Y: f.zeros(1, n, d), V: f.zeros(1, n, d), TY: f.zeros(n, 2, d), LogDet: f.zeros(1, n, 1), Others: f.zeros(1, n, 1),
		}
		f.ok(f.MixtureFollow(op))
		return [][]float64{f.read(op.Y), f.read(op.V), f.read(op.TY), f.read(op.LogDet), f.read(op.Others)}
	}
}

// TestRowAlone: a row's result is bitwise the same alone, in a few rows and in all, whatever the
// goroutines.
func TestRowAlone(t *testing.T) {
	needRowsAlone(t)
	atLevels(t, testRowAlone)
}

func testRowAlone(t *testing.T, l tile.Level) {
	counts := []int{2, 3, 8}
	if testing.Short() { // a race of few goroutines is one of many
		counts = counts[2:]
	}
	for _, c := range rowwiseCases() {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			t.Run(c.name+"/"+dt.String(), func(t *testing.T) {
				all := make([]int, c.n)
				for i := range all {
					all[i] = i
				}
				run := func(threads int, rows []int) [][]float64 { return c.run(newFixture(t, dt, threads).at(l), rows) }
				want := run(1, all)
				for _, threads := range counts {
					compare(t, fmt.Sprintf("%d threads", threads), run(threads, all), want, all)
				}
				if testing.Short() {
					return
				}
				for _, rows := range [][]int{{0}, {77}, {130}, {5, 6, 7}, all[60:130]} {
					compare(t, fmt.Sprintf("rows %v", rows), run(2, rows), want, rows)
				}
			})
		}
	}
}

// compare demands that got holds the given rows of want, bit by bit.
func compare(t *testing.T, what string, got, want [][]float64, rows []int) {
	t.Helper()
	for o := range want {
		width := len(got[o]) / len(rows)
		for l, i := range rows {
			for j := range width {
				g, w := got[o][l*width+j], want[o][i*width+j]
				if math.Float64bits(g) != math.Float64bits(w) && !(g != g && w != w) {
					t.Fatalf("%s: output %d, row %d, number %d: %v, in one goroutine with all rows %v", what, o, i, j, g, w)
				}
			}
		}
	}
}
