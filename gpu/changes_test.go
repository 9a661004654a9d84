//go:build emu && cgo

package gpu

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"monge/engine"
	"monge/kernels/emu"
)

// change is an operation: the buffers that it may change, and those that it may not.
type change struct {
	out, in map[string]engine.Buffer
	run     func() error
	some    bool // not all numbers of its outputs have to change
}

// changes are all operations on buffers, with all of their arguments.
var changes = map[string]func(f *fixture) change{
	"Write": func(f *fixture) change {
		x := f.numbers(engine.F64, 1, 3, 1)
		return change{out: named("dst", x), run: func() error { return f.e.Write(x, 1, []float64{5}) }}
	},
	"Read": func(f *fixture) change {
		x := f.numbers(engine.F64, 1, 3, 1)
		return change{in: named("src", x), run: func() error { return f.e.Read(make([]float64, 3), x, 0) }}
	},
	"LinComb": func(f *fixture) change {
		out, coef, x := f.outs(engine.F64, 1, 2, 3), f.numbers(engine.F64, 1, 2, 2), f.numbers(engine.F64, 2, 2, 3)
		return change{named("out", out), named("coef", coef, "x", x), func() error { return f.e.LinComb(out, coef, x) }, false}
	},
	"ErrorNorm": func(f *fixture) change {
		out, coef, x := f.outs(engine.F64, 1, 2, 2), f.numbers(engine.F64, 2, 2, 2), f.numbers(engine.F64, 2, 2, 3)
		return change{named("out", out), named("coef", coef, "x", x), func() error { return f.e.ErrorNorm(out, coef, x, 0, 1, 1) }, false}
	},
	"Axpby": func(f *fixture) change {
		out, x, y := f.outs(engine.F64, 1, 2, 2), f.numbers(engine.F64, 1, 2, 2), f.numbers(engine.F64, 1, 2, 2)
		return change{named("out", out), named("x", x, "y", y), func() error { return f.e.Axpby(out, 1, x, 1, y) }, false}
	},
	"Log": func(f *fixture) change {
		out, x := f.outs(engine.F64, 1, 2, 2), f.numbers(engine.F64, 1, 2, 2)
		return change{named("out", out), named("x", x), func() error { return f.e.Log(out, x) }, false}
	},
	"MatMul": func(f *fixture) change {
		out, x, y := f.outs(engine.F64, 1, 2, 2), f.numbers(engine.F64, 1, 2, 3), f.numbers(engine.F64, 1, 3, 2)
		return change{named("out", out), named("x", x, "y", y), func() error { return f.e.MatMul(out, x, y, false) }, false}
	},
	"RowDot": func(f *fixture) change {
		out, x, y := f.outs(engine.F64, 1, 2, 1), f.numbers(engine.F64, 1, 2, 3), f.numbers(engine.F64, 1, 2, 3)
		return change{named("out", out), named("x", x, "y", y), func() error { return f.e.RowDot(out, x, y) }, false}
	},
	"Reduce": func(f *fixture) change {
		out, x, y := f.outs(engine.F64, 1, 1, 1), f.numbers(engine.F64, 1, 2, 3), f.numbers(engine.F64, 1, 2, 3)
		return change{named("out", out), named("x", x, "y", y), func() error { return f.e.Reduce(out, engine.Dot, x, y) }, false}
	},
	"CopyRows": func(f *fixture) change {
		dst, src := f.outs(engine.F64, 1, 3, 2), f.numbers(engine.F64, 1, 3, 2)
		to, from := f.numbers(engine.I32, 1, 3, 1), f.numbers(engine.I32, 1, 3, 1)
		return change{named("dst", dst), named("dstRows", to, "src", src, "srcRows", from), func() error { return f.e.CopyRows(dst, to, src, from) }, false}
	},
	"Copy2D": func(f *fixture) change {
		dst, src := f.outs(engine.F64, 1, 3, 2), f.numbers(engine.F64, 1, 3, 2)
		return change{named("dst", dst), named("src", src), func() error { return f.e.Copy2D(dst, 0, 2, src, 0, 2, 3, 2) }, false}
	},
	"Normal": func(f *fixture) change {
		out := f.outs(engine.F64, 1, 3, 2)
		return change{out: named("out", out), run: func() error { return f.e.Normal(out, 1, 2, 3) }}
	},
	"Softmax": func(f *fixture) change {
		t := engine.F64
		a := &engine.Softmax{
			Q: f.numbers(t, 1, 2, 2), K: f.numbers(t, 1, 3, 2), V: f.numbers(t, 1, 3, 1), Skip: f.zeros(engine.I32, 1, 2, 1),
			S: f.numbers(t, 1, 2, 1), U: f.numbers(t, 1, 3, 1), C: f.numbers(t, 1, 2, 1), W: f.numbers(t, 1, 3, 1), T: f.numbers(t, 2, 1, 2), A: f.numbers(t, 1, 2, 1),
			LSE: f.outs(t, 1, 2, 1), Mean: f.outs(t, 1, 2, 1), Second: f.outs(t, 1, 2, 1), TMean: f.outs(t, 2, 1, 1), ColSum: f.outs(t, 1, 3, 1),
			Max: f.outs(t, 1, 2, 1), Arg: f.outs(engine.I32, 1, 2, 1),
		}
		c := ofFields(a, "LSE", "Mean", "Second", "TMean", "ColSum", "Max", "Arg")
		c.run = func() error { return f.e.Softmax(a) }
		return c
	},
	"Sinkhorn": func(f *fixture) change {
		t, n := engine.F64, 3
		eps := f.zeros(t, 1, 1, 1)
		f.do(func() error { return f.e.Write(eps, 0, []float64{4}) })
		a := &engine.Sinkhorn{
			X: f.numbers(t, 1, n, 2), Y: f.numbers(t, 1, 2, 2), LogA: f.zeros(t, 1, n, 1), LogB: f.zeros(t, 1, 2, 1), Eps: eps,
			F: f.outs(t, 1, n, 1), G: f.zeros(t, 1, 2, 1), State: f.zeros(engine.I32, 1, 2, 1), Trace: f.outs(t, 1, 2, 1), Tol: -1, Limit: 3, Passes: 2, Columns: true,
		}
		c := ofFields(a, "F", "G", "State", "Trace")
		c.some, c.run = true, func() error { return f.e.Sinkhorn(context.Background(), a) }
		return c
	},
	"Mixture": func(f *fixture) change {
		t := engine.F64
		a := &engine.Mixture{
			P: f.mixture(), Coef: f.numbers(t, 1, 2, engine.CoefCount), X: f.numbers(t, 1, 2, 2), T: f.numbers(t, 2, 1, 2),
			V: f.outs(t, 1, 2, 2), TV: f.outs(t, 2, 1, 2), Div: f.outs(t, 1, 2, 1), LogP: f.outs(t, 1, 2, 1), LogR: f.outs(t, 1, 2, 2),
		}
		c := ofFields(a, "V", "TV", "Div", "LogP", "LogR")
		c.run = func() error { return f.e.Mixture(a) }
		return c
	},
	"MixtureFollow": func(f *fixture) change {
		t := engine.F64
		a := &engine.MixtureFollow{
			P: f.mixture(), Branch: f.zeros(engine.I32, 1, 2, 1), From: f.numbers(t, 1, 2, engine.CoefCount), To: f.numbers(t, 1, 2, engine.CoefCount),
			X: f.numbers(t, 1, 2, 2), T: f.numbers(t, 2, 1, 2),
			Y: f.outs(t, 1, 2, 2), V: f.outs(t, 1, 2, 2), TY: f.outs(t, 2, 1, 2), LogDet: f.outs(t, 1, 2, 1), Others: f.outs(t, 1, 2, 1),
		}
		c := ofFields(a, "Y", "V", "TY", "LogDet", "Others")
		c.run = func() error { return f.e.MixtureFollow(a) }
		return c
	},
	"AdamsStep": func(f *fixture) change {
		t := engine.F64
		a := &engine.AdamsStep{Rows: f.rows(engine.AdamsHistory), Control: stepped, MaxOrder: 2, First: .2,
			F: f.numbers(t, 1, 1, 2), Z: f.outs(t, 1, 1, 2), Coef: f.outs(t, 1, 1, engine.CoefCount)}
		c := ofFields(a, "Track", "Status", "Hist", "Out", "Counts", "Z", "Coef")
		c.some, c.run = true, func() error { return f.e.AdamsStep(a) }
		return c
	},
	"RungeKuttaStage": func(f *fixture) change {
		t := engine.F64
		a := &engine.RungeKuttaStage{Rows: f.rows(2), Control: stepped, Tableau: &oneStage, Steps: 1,
			F: f.numbers(t, 1, 1, 2), Z: f.outs(t, 1, 1, 2), Coef: f.outs(t, 1, 1, engine.CoefCount)}
		c := ofFields(a, "Track", "Status", "Hist", "Out", "Counts", "Z", "Coef")
		c.some, c.run = true, func() error { return f.e.RungeKuttaStage(a) }
		return c
	},
	"Trajectories": func(f *fixture) change {
		a := &engine.Trajectory{Rows: f.rows(2), MixtureFlow: engine.MixtureFlow{P: f.mixture()}, Control: stepped, Tableau: &oneStage, Steps: 1, Tries: 1}
		c := ofFields(a, "Track", "Status", "Hist", "Out", "Counts")
		c.some, c.run = true, func() error { return f.e.Trajectories(a) }
		return c
	},
	"AdamsTrajectories": func(f *fixture) change {
		a := &engine.AdamsTrajectory{Rows: f.rows(engine.AdamsHistory), MixtureFlow: engine.MixtureFlow{P: f.mixture()}, Control: stepped, MaxOrder: 2, First: .2, Tries: 1}
		c := ofFields(a, "Track", "Status", "Hist", "Out", "Counts")
		c.some, c.run = true, func() error { return f.e.AdamsTrajectories(a) }
		return c
	},
}

var (
	oneStage = engine.Tableau{A: [][]float64{{}}, B: []float64{1}, C: []float64{0}}
	stepped  = engine.StepControl{Start: 0, End: 1, Least: 1e-9, Atol: 1, Rtol: 1, Group: 2, Safety: .9, Shrink: .2, Grow: 5, Retry: .5}
)

// named pairs names and buffers.
func named(xs ...any) map[string]engine.Buffer {
	m := map[string]engine.Buffer{}
	for i := 0; i < len(xs); i += 2 {
		m[xs[i].(string)] = xs[i+1].(engine.Buffer)
	}
	return m
}

// ofFields has the buffers in a struct of arguments: those named out, and the others as inputs.
func ofFields(a any, out ...string) change {
	c := change{out: map[string]engine.Buffer{}, in: map[string]engine.Buffer{}}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			field := v.Field(i)
			switch name := v.Type().Field(i).Name; {
			case field.Type() == reflect.TypeFor[engine.Buffer]():
				x, _ := field.Interface().(engine.Buffer)
				if slices.Contains(out, name) {
					c.out[name] = x
				} else if name != "Reflect" { // in place of Basis
					c.in[name] = x
				}
			case field.Kind() == reflect.Struct:
				walk(field)
			case field.Type() == reflect.TypeFor[*engine.MixtureParams]():
				walk(field.Elem())
			}
		}
	}
	walk(reflect.ValueOf(a).Elem())
	return c
}

// outs returns a buffer that no operation here leaves as it is.
func (f *fixture) outs(t engine.Dtype, b, n, d int) engine.Buffer {
	x := f.zeros(t, b, n, d)
	f.do(func() error { return f.e.Write(x, 0, slices.Repeat([]float64{-1234}, b*n*d)) })
	return x
}

func (f *fixture) mixture() *engine.MixtureParams {
	p := &engine.MixtureParams{LogW: f.zeros(engine.F64, 1, 2, 1), Mean: f.numbers(engine.F64, 1, 2, 2), Var: f.zeros(engine.F64, 1, 1, 1), Basis: f.zeros(engine.F64, 1, 2, 2)}
	f.do(func() error { return f.e.Write(p.Var, 0, []float64{1}) })
	f.do(func() error { return f.e.Write(p.Basis, 0, []float64{0, 1, 1, 0}) })
	return p
}

// rows is a row at its start that has taken no step.
func (f *fixture) rows(slots int) engine.Rows {
	r := engine.Rows{Track: f.zeros(engine.F64, 1, 1, engine.TrackCount), Status: f.zeros(engine.I32, 1, 1, 1), Hist: f.numbers(engine.F64, 1, slots, 2),
		Out: f.outs(engine.F64, 1, 1, 2), Counts: f.outs(engine.F64, 1, 1, 2)}
	track := make([]float64, engine.TrackCount)
	track[engine.TrackH], track[engine.TrackNext], track[engine.TrackOrder], track[engine.TrackStop] = 2, 1, 1, math.NaN()
	for i := engine.TrackSlots; i < engine.TrackCount; i++ {
		track[i] = float64(i - engine.TrackSlots + 1)
	}
	f.do(func() error { return f.e.Write(r.Track, 0, track) })
	return r
}

// TestChangesForgetSplits: every operation on buffers is held to have every buffer that it changes named as one, so that what
// was split of any of its numbers is forgotten, and what was split of the others stays.
func TestChangesForgetSplits(t *testing.T) {
	fresh(t)
	e := open(t, Options{})
	// All methods that have a buffer among their arguments, or a struct of them.
	of := reflect.TypeFor[*Engine]()
	for i := range of.NumMethod() {
		m, takes := of.Method(i), false
		for j := 1; j < m.Type.NumIn(); j++ {
			x := m.Type.In(j)
			takes = takes || x == reflect.TypeFor[engine.Buffer]() || x.Kind() == reflect.Pointer && x.Elem().PkgPath() == "monge/engine"
		}
		if takes && changes[m.Name] == nil {
			t.Errorf("%s is not among the operations", m.Name)
		}
	}
	for name, make := range changes {
		t.Run(name, func(t *testing.T) {
			f := fixture{e: e}
			defer f.free()
			c := make(&f)
			if f.err != nil {
				t.Fatal(f.err)
			}
			// Splits that are not there, of one number of each buffer: the first, the last, and one in another's memory.
			plant := func(x engine.Buffer, off int) *splitCloud {
				s := &splitCloud{of: source{at: x.(*buffer).at(off), problems: 1, rows: 1, width: int64(x.Dtype().Size() / 4)}}
				e.pool.splits = append(e.pool.splits, s)
				return s
			}
			defer func() { e.pool.splits = nil }()
			type planted struct {
				at     string
				splits []*splitCloud
				before []float64
			}
			var outs, ins []planted
			for at, x := range c.out {
				outs = append(outs, planted{at, []*splitCloud{plant(x, 0), plant(x, engine.Len(x)-1)}, f.numbersOf(x)})
			}
			for at, x := range c.in {
				if x == nil {
					t.Fatalf("%s is left out", at)
				}
				ins = append(ins, planted{at, []*splitCloud{plant(x, 0), plant(x, engine.Len(x)-1)}, f.numbersOf(x)})
			}
			if err := c.run(); err != nil {
				t.Fatal(err, emu.LastFault())
			}
			there := slices.Clone(e.pool.splits)
			for _, p := range outs {
				for _, s := range p.splits {
					if slices.Contains(there, s) {
						t.Errorf("a split of %s is still there", p.at)
					}
				}
				after := f.numbersOf(c.out[p.at])
				for i := range after {
					if !c.some && name != "Write" && after[i] == p.before[i] {
						t.Errorf("number %d of %s is %g as before: the operation does not write it", i, p.at, after[i])
					}
				}
			}
			for _, p := range ins {
				for _, s := range p.splits {
					if !slices.Contains(there, s) {
						t.Errorf("a split of %s, which does not change, is forgotten", p.at)
					}
				}
				if after := f.numbersOf(c.in[p.at]); fmt.Sprint(after) != fmt.Sprint(p.before) {
					t.Errorf("%s was %v and is %v", p.at, p.before, after)
				}
			}
		})
	}
}

func (f *fixture) numbersOf(x engine.Buffer) []float64 {
	all, err := f.read(x)
	f.err = err
	return all
}
