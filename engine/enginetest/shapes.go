package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// shapeTable holds the calls that must fail: shapes and dtypes that do not fit, and missing inputs. After
// each the engine must still work.
func shapeTable() []Case {
	other := func(d *device) engine.Dtype {
		if d.t == engine.F64 {
			return engine.F32
		}
		return engine.F64
	}
	softmax := func(name string, want error, spoil func(d *device, op *engine.Softmax)) Case {
		return Case{Op: "Softmax", Name: name, run: func(d *device) error {
			c := SoftmaxCase{Name: "error", B: 2, N: 3, M: 4, D: 2, Dv: 3, P: 2, Bias: Potential, RankOne: true, RowScale: true, Skip: true, Weights: true, Want: AllOutputs}
			op := d.softmax(c.host(d.t), c.Want)
			if d.err == nil {
				spoil(d, op)
			}
			return d.wants(want, func() error { return d.e.Softmax(op) })
		}}
	}
	mixture := func(name string, want error, spoil func(d *device, op *engine.Mixture)) Case {
		return Case{Op: "Mixture", Name: name, run: func(d *device) error {
			c := MixtureCase{Name: "error", N: 3, K: 4, D: 2, P: 2, VarRows: true, VarCols: true, Bases: 4, Want: AllMixture}
			op := d.mixture(c.host(d.t), c.Want)
			if d.err == nil {
				spoil(d, op)
			}
			return d.wants(want, func() error { return d.e.Mixture(op) })
		}}
	}
	follow := func(name string, want error, spoil func(d *device, op *engine.MixtureFollow)) Case {
		return Case{Op: "MixtureFollow", Name: name, run: func(d *device) error {
			c := FollowCase{Name: "error", N: 3, K: 4, D: 2, P: 2, VarRows: true, Want: AllFollow}
			op := d.follow(c.host(d.t), c.Want)
			if d.err == nil {
				spoil(d, op)
			}
			return d.wants(want, func() error { return d.e.MixtureFollow(op) })
		}}
	}
	call := func(op, name string, want error, f func(d *device, e engine.Engine) error) Case {
		return Case{Op: op, Name: name, run: func(d *device) error {
			return d.wants(want, func() error { return f(d, d.e) })
		}}
	}
	list := []Case{
		softmax("shape-keys", engine.ErrShape, func(d *device, op *engine.Softmax) { op.K = d.alloc(2, 4, 3) }),
		softmax("shape-problems", engine.ErrShape, func(d *device, op *engine.Softmax) { op.K = d.alloc(3, 4, 2) }),
		softmax("shape-values", engine.ErrShape, func(d *device, op *engine.Softmax) { op.V = d.alloc(2, 5, 3) }),
		softmax("shape-bias", engine.ErrShape, func(d *device, op *engine.Softmax) { op.U = d.alloc(2, 3, 1) }),
		softmax("shape-scale", engine.ErrShape, func(d *device, op *engine.Softmax) { op.S = d.alloc(1, 3, 1) }),
		softmax("shape-rank-one", engine.ErrShape, func(d *device, op *engine.Softmax) { op.C = d.alloc(2, 4, 1) }),
		softmax("shape-lse", engine.ErrShape, func(d *device, op *engine.Softmax) { op.LSE = d.alloc(2, 4, 1) }),
		softmax("shape-mean", engine.ErrShape, func(d *device, op *engine.Softmax) { op.Mean = d.alloc(2, 3, 2) }),
		softmax("shape-tangents", engine.ErrShape, func(d *device, op *engine.Softmax) { op.T = d.alloc(2, 3, 2) }),
		softmax("shape-colsum", engine.ErrShape, func(d *device, op *engine.Softmax) { op.ColSum = d.alloc(1, 4, 1) }),
		softmax("shape-weights", engine.ErrShape, func(d *device, op *engine.Softmax) { op.A = d.alloc(2, 4, 1) }),
		softmax("shape-skip", engine.ErrShape, func(d *device, op *engine.Softmax) { op.Skip = d.allocType(engine.I32, 2, 4, 1) }),
		softmax("dtype-keys", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.K = d.allocType(other(d), 2, 4, 2) }),
		softmax("dtype-lse", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.LSE = d.allocType(other(d), 2, 3, 1) }),
		softmax("dtype-arg", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.Arg = d.alloc(2, 3, 1) }),
		softmax("dtype-skip", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.Skip = d.alloc(2, 3, 1) }),
		softmax("missing-queries", engine.ErrShape, func(d *device, op *engine.Softmax) { op.Q = nil }),
		softmax("missing-keys", engine.ErrShape, func(d *device, op *engine.Softmax) { op.K = nil }),
		softmax("missing-tangents", engine.ErrShape, func(d *device, op *engine.Softmax) { op.T = nil }),
		softmax("missing-rank-one", engine.ErrShape, func(d *device, op *engine.Softmax) { op.W = nil }),

		mixture("shape-coef", engine.ErrShape, func(d *device, op *engine.Mixture) { op.Coef = d.alloc(1, 3, 3) }),
		mixture("shape-coef-rows", engine.ErrShape, func(d *device, op *engine.Mixture) { op.Coef = d.alloc(1, 2, 4) }),
		mixture("shape-x", engine.ErrShape, func(d *device, op *engine.Mixture) { op.X = d.alloc(1, 3, 3) }),
		mixture("shape-var", engine.ErrShape, func(d *device, op *engine.Mixture) { op.P.Var = d.alloc(1, 3, 2) }),
		mixture("shape-logw", engine.ErrShape, func(d *device, op *engine.Mixture) { op.P.LogW = d.alloc(1, 3, 1) }),
		mixture("shape-basis", engine.ErrShape, func(d *device, op *engine.Mixture) { op.P.Basis = d.alloc(3, 2, 2) }),
		mixture("shape-reflect", engine.ErrShape, func(d *device, op *engine.Mixture) {
			op.P.Basis, op.P.Reflect = nil, d.alloc(1, 2, 3)
		}),
		mixture("shape-v", engine.ErrShape, func(d *device, op *engine.Mixture) { op.V = d.alloc(1, 2, 2) }),
		mixture("shape-tv", engine.ErrShape, func(d *device, op *engine.Mixture) { op.TV = d.alloc(3, 3, 2) }),
		mixture("shape-logr", engine.ErrShape, func(d *device, op *engine.Mixture) { op.LogR = d.alloc(1, 3, 3) }),
		mixture("dtype-x", engine.ErrDtype, func(d *device, op *engine.Mixture) { op.X = d.allocType(other(d), 1, 3, 2) }),
		mixture("dtype-mean", engine.ErrDtype, func(d *device, op *engine.Mixture) { op.P.Mean = d.allocType(other(d), 1, 4, 2) }),
		mixture("missing-x", engine.ErrShape, func(d *device, op *engine.Mixture) { op.X = nil }),
		mixture("missing-params", engine.ErrShape, func(d *device, op *engine.Mixture) { op.P = nil }),
		mixture("missing-tangents", engine.ErrShape, func(d *device, op *engine.Mixture) { op.T = nil }),

		follow("shape-branch", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Branch = d.allocType(engine.I32, 1, 2, 1) }),
		follow("shape-to", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.To = d.alloc(1, 4, 4) }),
		follow("shape-y", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Y = d.alloc(1, 3, 3) }),
		follow("shape-ty", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.TY = d.alloc(3, 1, 2) }),
		follow("dtype-branch", engine.ErrDtype, func(d *device, op *engine.MixtureFollow) { op.Branch = d.alloc(1, 3, 1) }),
		follow("dtype-from", engine.ErrDtype, func(d *device, op *engine.MixtureFollow) { op.From = d.allocType(other(d), 1, 3, 4) }),
		follow("missing-branch", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Branch = nil }),

		call("LinComb", "shape-coef", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(3, 5, 2))
		}),
		call("LinComb", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 3), d.alloc(1, 3, 5), d.alloc(3, 5, 2))
		}),
		call("LinComb", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 2), d.allocType(other(d), 1, 3, 5), d.alloc(3, 5, 2))
		}),
		call("ErrorNorm", "shape-coef", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 4), d.alloc(3, 5, 2), 0, 1, 1)
		}),
		call("ErrorNorm", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 1), d.alloc(3, 2, 5), d.alloc(3, 5, 2), 0, 1, 1)
		}),
		call("ErrorNorm", "nan", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 5), d.alloc(3, 5, 2), 0, math.NaN(), 1)
		}),
		call("ErrorNorm", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 5), d.allocType(other(d), 3, 5, 2), 0, 1, 1)
		}),
		call("Axpby", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Axpby(d.alloc(1, 3, 2), 1, d.alloc(1, 3, 2), 1, d.alloc(1, 2, 3))
		}),
		call("Axpby", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Axpby(d.alloc(1, 3, 2), 1, d.allocType(other(d), 1, 3, 2), 1, nil)
		}),
		call("Log", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Log(d.alloc(1, 3, 2), d.alloc(1, 3, 1))
		}),
		call("Log", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Log(d.alloc(1, 3, 2), d.allocType(other(d), 1, 3, 2))
		}),
		call("MatMul", "shape-inner", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 5, 2), false)
		}),
		call("MatMul", "shape-trans", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 4, 2), true)
		}),
		call("MatMul", "shape-problems", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(3, 3, 2), d.alloc(3, 3, 4), d.alloc(2, 4, 2), false)
		}),
		call("MatMul", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.allocType(other(d), 1, 4, 2), false)
		}),
		call("RowDot", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.RowDot(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 3, 4))
		}),
		call("RowDot", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.RowDot(d.alloc(1, 3, 1), d.alloc(1, 3, 4), d.allocType(other(d), 1, 3, 4))
		}),
		call("Reduce", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(1, 3, 1), engine.Sum, d.alloc(2, 3, 4), nil)
		}),
		call("Reduce", "shape-y", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.Dot, d.alloc(2, 3, 4), d.alloc(2, 4, 3))
		}),
		call("Reduce", "missing-y", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.SumAbsDiff, d.alloc(2, 3, 4), nil)
		}),
		call("Reduce", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.Dot, d.alloc(2, 3, 4), d.allocType(other(d), 2, 3, 4))
		}),
		call("CopyRows", "shape-width", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), nil, d.alloc(1, 3, 5), nil)
		}),
		call("CopyRows", "shape-pairs", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), d.allocType(engine.I32, 1, 2, 1), d.alloc(1, 3, 4), d.allocType(engine.I32, 1, 3, 1))
		}),
		call("CopyRows", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), nil, d.allocType(other(d), 1, 3, 4), nil)
		}),
		call("CopyRows", "dtype-rows", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), d.alloc(1, 3, 1), d.alloc(1, 3, 4), nil)
		}),
		call("Copy2D", "shape-dst", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 1, 4, d.alloc(1, 3, 4), 0, 4, 3, 4)
		}),
		call("Copy2D", "shape-src", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.alloc(1, 3, 4), 0, 5, 3, 4)
		}),
		call("Copy2D", "shape-negative", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.alloc(1, 3, 4), -1, 4, 2, 4)
		}),
		call("Copy2D", "shape-overflow", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, math.MaxInt/2+1, d.alloc(1, 3, 4), 0, 4, 3, 4)
		}),
		call("Copy2D", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.allocType(other(d), 1, 3, 4), 0, 4, 3, 4)
		}),
		call("Normal", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Normal(d.allocType(engine.I32, 1, 3, 4), 1, 2, 3)
		}),
	}
	list = append(list, stepShapes()...)
	for i, c := range list {
		list[i].Name = "error-" + c.Name
		list[i].run = func(d *device) error {
			if err := c.run(d); err != nil {
				return err
			}
			return d.alive()
		}
	}
	return list
}

// alive runs one small operation, which an engine must still do after a refused one.
func (d *device) alive() error {
	x := d.put(&array{1, 2, 1, []float64{1, 2}})
	out := d.out(1, 2, 1)
	if d.err != nil {
		return d.err
	}
	if err := d.e.Axpby(out, 2, x, 0, nil); err != nil {
		return fmt.Errorf("after a refused operation: %w", err)
	}
	return same("after a refused operation", d.read(out), []float64{2, 4})
}
