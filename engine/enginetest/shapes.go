package enginetest

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
)

// shapeTable holds the calls that must fail: shapes and dtypes that do not fit, and missing inputs. After
// each the engine must still work.
func shapeTable() []Case {
	list := slices.Concat(softmaxShapes(), mixtureShapes(), followShapes(), arithmeticShapes(), arrayShapes(), stepShapes())
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

// other returns the floating-point dtype that the case is not in.
func (d *device) other() engine.Dtype {
	if d.t == engine.F64 {
		return engine.F32
	}
	return engine.F64
}

func softmaxShapes() []Case {
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
	return []Case{
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
		softmax("dtype-keys", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.K = d.allocType(d.other(), 2, 4, 2) }),
		softmax("dtype-lse", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.LSE = d.allocType(d.other(), 2, 3, 1) }),
		softmax("dtype-arg", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.Arg = d.alloc(2, 3, 1) }),
		softmax("dtype-skip", engine.ErrDtype, func(d *device, op *engine.Softmax) { op.Skip = d.alloc(2, 3, 1) }),
		softmax("missing-queries", engine.ErrShape, func(d *device, op *engine.Softmax) { op.Q = nil }),
		softmax("missing-keys", engine.ErrShape, func(d *device, op *engine.Softmax) { op.K = nil }),
		softmax("missing-tangents", engine.ErrShape, func(d *device, op *engine.Softmax) { op.T = nil }),
		softmax("missing-rank-one", engine.ErrShape, func(d *device, op *engine.Softmax) { op.W = nil }),
	}
}

func mixtureShapes() []Case {
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
	return []Case{
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
		mixture("dtype-x", engine.ErrDtype, func(d *device, op *engine.Mixture) { op.X = d.allocType(d.other(), 1, 3, 2) }),
		mixture("dtype-mean", engine.ErrDtype, func(d *device, op *engine.Mixture) { op.P.Mean = d.allocType(d.other(), 1, 4, 2) }),
		mixture("missing-x", engine.ErrShape, func(d *device, op *engine.Mixture) { op.X = nil }),
		mixture("missing-params", engine.ErrShape, func(d *device, op *engine.Mixture) { op.P = nil }),
		mixture("missing-tangents", engine.ErrShape, func(d *device, op *engine.Mixture) { op.T = nil }),
	}
}

func followShapes() []Case {
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
	return []Case{
		follow("shape-branch", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Branch = d.allocType(engine.I32, 1, 2, 1) }),
		follow("shape-to", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.To = d.alloc(1, 4, 4) }),
		follow("shape-y", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Y = d.alloc(1, 3, 3) }),
		follow("shape-ty", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.TY = d.alloc(3, 1, 2) }),
		follow("dtype-branch", engine.ErrDtype, func(d *device, op *engine.MixtureFollow) { op.Branch = d.alloc(1, 3, 1) }),
		follow("dtype-from", engine.ErrDtype, func(d *device, op *engine.MixtureFollow) { op.From = d.allocType(d.other(), 1, 3, 4) }),
		follow("missing-branch", engine.ErrShape, func(d *device, op *engine.MixtureFollow) { op.Branch = nil }),
	}
}

// refused is a case of a call that must fail.
func refused(op, name string, want error, f func(d *device, e engine.Engine) error) Case {
	return Case{Op: op, Name: name, run: func(d *device) error {
		return d.wants(want, func() error { return f(d, d.e) })
	}}
}

func arithmeticShapes() []Case {
	return []Case{
		refused("LinComb", "shape-coef", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(3, 5, 2))
		}),
		refused("LinComb", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 3), d.alloc(1, 3, 5), d.alloc(3, 5, 2))
		}),
		refused("LinComb", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.LinComb(d.alloc(1, 3, 2), d.allocType(d.other(), 1, 3, 5), d.alloc(3, 5, 2))
		}),
		refused("ErrorNorm", "shape-coef", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 4), d.alloc(3, 5, 2), 0, 1, 1)
		}),
		refused("ErrorNorm", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 1), d.alloc(3, 2, 5), d.alloc(3, 5, 2), 0, 1, 1)
		}),
		refused("ErrorNorm", "nan", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 5), d.alloc(3, 5, 2), 0, math.NaN(), 1)
		}),
		refused("ErrorNorm", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.ErrorNorm(d.alloc(1, 3, 2), d.alloc(3, 2, 5), d.allocType(d.other(), 3, 5, 2), 0, 1, 1)
		}),
		refused("Axpby", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Axpby(d.alloc(1, 3, 2), 1, d.alloc(1, 3, 2), 1, d.alloc(1, 2, 3))
		}),
		refused("Axpby", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Axpby(d.alloc(1, 3, 2), 1, d.allocType(d.other(), 1, 3, 2), 1, nil)
		}),
		refused("Log", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Log(d.alloc(1, 3, 2), d.alloc(1, 3, 1))
		}),
		refused("Log", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Log(d.alloc(1, 3, 2), d.allocType(d.other(), 1, 3, 2))
		}),
		refused("MatMul", "shape-inner", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 5, 2), false)
		}),
		refused("MatMul", "shape-trans", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 4, 2), true)
		}),
		refused("MatMul", "shape-problems", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(3, 3, 2), d.alloc(3, 3, 4), d.alloc(2, 4, 2), false)
		}),
		refused("MatMul", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.MatMul(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.allocType(d.other(), 1, 4, 2), false)
		}),
		refused("RowDot", "shape", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.RowDot(d.alloc(1, 3, 2), d.alloc(1, 3, 4), d.alloc(1, 3, 4))
		}),
		refused("RowDot", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.RowDot(d.alloc(1, 3, 1), d.alloc(1, 3, 4), d.allocType(d.other(), 1, 3, 4))
		}),
	}
}

func arrayShapes() []Case {
	return []Case{
		refused("Reduce", "shape-out", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(1, 3, 1), engine.Sum, d.alloc(2, 3, 4), nil)
		}),
		refused("Reduce", "shape-y", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.Dot, d.alloc(2, 3, 4), d.alloc(2, 4, 3))
		}),
		refused("Reduce", "missing-y", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.SumAbsDiff, d.alloc(2, 3, 4), nil)
		}),
		refused("Reduce", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Reduce(d.alloc(2, 1, 1), engine.Dot, d.alloc(2, 3, 4), d.allocType(d.other(), 2, 3, 4))
		}),
		refused("CopyRows", "shape-width", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), nil, d.alloc(1, 3, 5), nil)
		}),
		refused("CopyRows", "shape-pairs", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), d.allocType(engine.I32, 1, 2, 1), d.alloc(1, 3, 4), d.allocType(engine.I32, 1, 3, 1))
		}),
		refused("CopyRows", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), nil, d.allocType(d.other(), 1, 3, 4), nil)
		}),
		refused("CopyRows", "dtype-rows", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.CopyRows(d.alloc(1, 3, 4), d.alloc(1, 3, 1), d.alloc(1, 3, 4), nil)
		}),
		refused("Copy2D", "shape-dst", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 1, 4, d.alloc(1, 3, 4), 0, 4, 3, 4)
		}),
		refused("Copy2D", "shape-src", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.alloc(1, 3, 4), 0, 5, 3, 4)
		}),
		refused("Copy2D", "shape-negative", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.alloc(1, 3, 4), -1, 4, 2, 4)
		}),
		refused("Copy2D", "shape-overflow", engine.ErrShape, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, math.MaxInt/2+1, d.alloc(1, 3, 4), 0, 4, 3, 4)
		}),
		refused("Copy2D", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Copy2D(d.alloc(1, 3, 4), 0, 4, d.allocType(d.other(), 1, 3, 4), 0, 4, 3, 4)
		}),
		refused("Normal", "dtype", engine.ErrDtype, func(d *device, e engine.Engine) error {
			return e.Normal(d.allocType(engine.I32, 1, 3, 4), 1, 2, 3)
		}),
	}
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
