package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// Bias chooses the key biases u_j of a SoftmaxCase.
type Bias uint8

const (
	NoBias    Bias = iota // nil
	Potential             // normal numbers; every seventh key is removed by -Inf
	Distance              // -scale |k_j|^2 / 2, which makes z a squared distance up to a row constant
	Removed               // every key is removed
	Rising                // 3 j: every key outweighs all before it
	Falling               // -3 j
)

// Outputs is a set of outputs of engine.Softmax.
type Outputs uint8

const (
	LSE Outputs = 1 << iota
	Mean
	Second
	TMean
	ColSum
	Max
	Arg
	AllOutputs = LSE | Mean | Second | TMean | ColSum | Max | Arg
)

// SoftmaxCase is the shape and the data of one call of engine.Softmax.
type SoftmaxCase struct {
	Name       string
	B, N, M, D int
	Dv         int     // width of the values; 0 = the keys are the values
	P          int     // tangents a row; with TMean
	Shared     bool    // keys, values and biases are shared by all problems
	Mixed      bool    // values and U are shared by all problems, or with Shared are not; keys and W the other way round
	Scale      float64 // engine.Softmax.Scale
	RowScale   bool    // a scale a row, Scale times (0.1, 2), and 0 in row 2
	Bias       Bias
	RankOne    bool // C and W
	Skip       bool // every row leaves a key out, every third none
	Weights    bool // A, with zeros
	Offset     float64
	Outliers   float64 // how far out the outliers among the keys lie, in units of the others; 0 = 20
	Integers   bool    // small integers with repeated keys: z is exact and has ties
	Want       Outputs
}

// SoftmaxCases lists the shapes and data that every engine runs, the small ones first.
func SoftmaxCases() []SoftmaxCase {
	const plan = LSE | ColSum
	list := []SoftmaxCase{
		{Name: "one", B: 1, N: 1, M: 1, D: 1, P: 1, Want: AllOutputs},
		{Name: "one-key", B: 1, N: 17, M: 1, D: 3, P: 2, Scale: 3, Want: AllOutputs},
		{Name: "one-row", B: 1, N: 1, M: 129, D: 16, P: 3, Scale: .3, Bias: Potential, Want: AllOutputs},
		{Name: "small", B: 1, N: 3, M: 17, D: 2, P: 2, Bias: Potential, Want: AllOutputs},
		{Name: "63x65", B: 1, N: 63, M: 65, D: 3, P: 1, Scale: .5, Bias: Distance, Want: AllOutputs},
		{Name: "64x64", B: 1, N: 64, M: 64, D: 16, P: 2, Scale: .25, Want: AllOutputs},
		{Name: "65x63", B: 1, N: 65, M: 63, D: 64, P: 1, Scale: .1, Bias: Potential, Want: AllOutputs},
		{Name: "129x63-d65", B: 1, N: 129, M: 63, D: 65, P: 2, Scale: .1, Want: AllOutputs},
		{Name: "d1", B: 1, N: 65, M: 129, D: 1, P: 1, Scale: 2, Bias: Distance, Want: AllOutputs},
		{Name: "values-wide", B: 1, N: 33, M: 65, D: 3, Dv: 130, P: 2, Scale: .5, Want: AllOutputs},
		{Name: "values-narrow", B: 1, N: 65, M: 33, D: 17, Dv: 1, P: 1, Scale: .2, Want: AllOutputs},
		{Name: "batch-shared", B: 5, N: 17, M: 33, D: 3, P: 2, Shared: true, Bias: Potential, RankOne: true, Weights: true, Want: AllOutputs},
		{Name: "batch-own", B: 4, N: 9, M: 31, D: 5, Dv: 3, P: 2, Bias: Potential, RankOne: true, Skip: true, Weights: true, RowScale: true, Want: AllOutputs},
		{Name: "batch-mixed", B: 3, N: 9, M: 31, D: 5, Dv: 3, P: 2, Mixed: true, Bias: Potential, RankOne: true, Weights: true, Want: AllOutputs},
		{Name: "batch-mixed-shared", B: 3, N: 9, M: 31, D: 5, Dv: 3, P: 2, Mixed: true, Shared: true, Bias: Potential, RankOne: true, Weights: true, Want: AllOutputs},
		{Name: "batch-many", B: 70, N: 2, M: 3, D: 2, P: 1, Bias: Distance, Weights: true, Want: AllOutputs},
		{Name: "row-scale", B: 1, N: 65, M: 65, D: 3, P: 1, Scale: .5, RowScale: true, Bias: Potential, Want: AllOutputs},
		{Name: "rank-one", B: 1, N: 65, M: 65, D: 3, P: 1, RankOne: true, RowScale: true, Want: AllOutputs},
		{Name: "negative-scale", B: 1, N: 17, M: 33, D: 3, P: 1, Scale: -.7, Want: AllOutputs},
		{Name: "skip", B: 1, N: 65, M: 65, D: 3, P: 1, Skip: true, Bias: Distance, Want: AllOutputs},
		{Name: "skip-only-key", B: 1, N: 4, M: 1, D: 3, P: 1, Skip: true, Want: AllOutputs},
		{Name: "all-removed", B: 1, N: 17, M: 33, D: 3, P: 1, Bias: Removed, Weights: true, Want: AllOutputs},
		{Name: "sharp", B: 1, N: 129, M: 200, D: 3, P: 1, Scale: 1e4, Bias: Distance, Want: AllOutputs},
		{Name: "flat", B: 1, N: 65, M: 333, D: 3, P: 1, Scale: 1e-12, Weights: true, Want: AllOutputs},
		{Name: "ties", B: 1, N: 65, M: 129, D: 2, P: 1, Integers: true, Want: AllOutputs},
		{Name: "ties-shared", B: 3, N: 65, M: 200, D: 3, Integers: true, Shared: true, Want: Max | Arg},
		{Name: "offset-1e3", B: 1, N: 65, M: 65, D: 3, P: 1, Offset: 1e3, Scale: .5, Bias: Distance, Want: AllOutputs},
		{Name: "offset-1e6", B: 1, N: 65, M: 65, D: 2, P: 1, Offset: 1e6, Scale: .5, Bias: Distance, Want: AllOutputs},
		{Name: "rising", B: 1, N: 17, M: 700, D: 3, P: 1, Scale: .5, Bias: Rising, Weights: true, Want: AllOutputs},
		{Name: "falling", B: 1, N: 17, M: 700, D: 3, P: 1, Scale: .5, Bias: Falling, Weights: true, Want: AllOutputs},
		{Name: "no-outputs", B: 1, N: 5, M: 7, D: 3},
		{Name: "no-keys", B: 2, N: 5, M: 0, D: 3, P: 1, Want: AllOutputs},
		{Name: "no-rows", B: 1, N: 0, M: 5, D: 3, P: 1, Want: AllOutputs},
		{Name: "200x333", B: 1, N: 200, M: 333, D: 16, P: 2, Scale: .2, Bias: Potential, RankOne: true, Weights: true, Want: AllOutputs},
		{Name: "1003x901-d2", B: 1, N: 1003, M: 901, D: 2, Scale: 4, Bias: Distance, Want: AllOutputs &^ TMean},
		{Name: "1003x901-plan", B: 1, N: 1003, M: 901, D: 16, Scale: .5, Bias: Potential, Weights: true, Want: plan},
		{Name: "d784", B: 1, N: 17, M: 65, D: 784, P: 1, Scale: .02, Bias: Distance, Want: AllOutputs},
		{Name: "d3072", B: 1, N: 3, M: 33, D: 3072, P: 1, Scale: .005, Bias: Distance, Want: AllOutputs},
		{Name: "d16-many-keys", B: 1, N: 3, M: 4500, D: 16, P: 1, Scale: .2, Bias: Potential, Skip: true, Want: AllOutputs},
		{Name: "d20-ties", B: 1, N: 33, M: 700, D: 20, P: 1, Integers: true, Want: AllOutputs},
		{Name: "d31-batch-own", B: 3, N: 5, M: 70, D: 31, P: 1, Scale: .1, Bias: Potential, RankOne: true, Skip: true, Weights: true, RowScale: true, Want: AllOutputs},
		{Name: "d31-batch-mixed", B: 3, N: 5, M: 70, D: 31, P: 1, Scale: .1, Mixed: true, Bias: Potential, RankOne: true, Want: AllOutputs},
		{Name: "d31-batch-shared", B: 40, N: 5, M: 70, D: 31, Dv: 3, Scale: .1, Shared: true, Bias: Potential, RankOne: true, Want: AllOutputs &^ TMean},
		{Name: "d32-offset-1e3", B: 1, N: 33, M: 65, D: 32, P: 1, Offset: 1e3, Scale: .1, Bias: Distance, Want: AllOutputs},
		{Name: "d64-offset-1e6", B: 1, N: 33, M: 65, D: 64, P: 1, Offset: 1e6, Scale: .1, Bias: Distance, Want: AllOutputs},
		{Name: "d40-all-removed", B: 1, N: 17, M: 33, D: 40, P: 1, Bias: Removed, Weights: true, Want: AllOutputs},
		{Name: "d48-rising", B: 1, N: 17, M: 700, D: 48, P: 1, Scale: .1, Bias: Rising, Weights: true, Want: AllOutputs},
		{Name: "d48-falling", B: 1, N: 17, M: 700, D: 48, P: 1, Scale: .1, Bias: Falling, Weights: true, Want: AllOutputs},
		{Name: "d64-outliers-1e3", B: 1, N: 65, M: 130, D: 64, P: 1, Scale: .05, Outliers: 1e3, Bias: Potential, Want: AllOutputs},
		{Name: "d200-outliers-1e6", B: 1, N: 65, M: 130, D: 200, P: 1, Scale: .02, Outliers: 1e6, Bias: Distance, Want: AllOutputs},
		{Name: "d96-sharp", B: 1, N: 33, M: 130, D: 96, P: 1, Scale: 1e3, Bias: Distance, Want: AllOutputs},
		{Name: "d130-skip", B: 1, N: 65, M: 140, D: 130, P: 1, Scale: .1, RankOne: true, Skip: true, RowScale: true, Bias: Potential, Want: AllOutputs},
		{Name: "many-keys", B: 1, N: 2, M: 20_011, D: 3, P: 1, Scale: .5, Bias: Potential, Want: AllOutputs},
		{Name: "many-rows", B: 1, N: 20_011, M: 2, D: 3, Scale: .5, Weights: true, Want: AllOutputs &^ TMean},
	}
	for _, c := range list {
		if c.D >= 16 && c.Want == AllOutputs {
			c.Name, c.P, c.Want = c.Name+"-lse-max", 0, LSE|Max|Arg
			list = append(list, c)
		}
	}
	// Where engines change their ways: whole parts of keys and one key beside them, dimensions and widths of values
	// about the powers of two, rows about a tile's.
	const fused = LSE | Mean | Second | Max | Arg
	for _, m := range []int{511, 512, 513, 1025} {
		list = append(list, SoftmaxCase{Name: fmt.Sprintf("keys-%d", m), B: 1, N: 3, M: m, D: 3, Scale: .5, Bias: Potential, RankOne: true, Skip: true, Want: fused})
	}
	for _, d := range []int{4, 8, 9, 15, 16, 17, 31, 32, 33} {
		list = append(list, SoftmaxCase{Name: fmt.Sprintf("fused-d%d", d), B: 1, N: 5, M: 130, D: d, Scale: .2, Bias: Potential, RowScale: true, Want: fused})
	}
	for _, dv := range []int{127, 128, 129} {
		list = append(list, SoftmaxCase{Name: fmt.Sprintf("values-%d", dv), B: 1, N: 5, M: 70, D: 17, Dv: dv, Scale: .2, Want: Mean | Second})
	}
	list = append(list,
		SoftmaxCase{Name: "lone-row-many-keys", B: 1, N: 1, M: 32_833, D: 1, Scale: .5, Bias: Potential, Want: fused},
		SoftmaxCase{Name: "parts-wide", B: 1, N: 2, M: 1029, D: 33, Scale: .1, Bias: Distance, Want: LSE | Max | Arg},
		SoftmaxCase{Name: "parts-batch", B: 3, N: 2, M: 600, D: 2, Dv: 5, Mixed: true, Bias: Potential, RankOne: true, Want: fused},
		SoftmaxCase{Name: "parts-rising", B: 1, N: 3, M: 1100, D: 2, Scale: .5, Bias: Rising, Want: fused},
		SoftmaxCase{Name: "parts-falling", B: 1, N: 3, M: 1100, D: 2, Scale: .5, Bias: Falling, Want: fused},
		SoftmaxCase{Name: "parts-removed", B: 1, N: 3, M: 600, D: 2, Bias: Removed, Want: fused},
		SoftmaxCase{Name: "parts-ties", B: 1, N: 5, M: 700, D: 2, Integers: true, Want: Max | Arg},
		SoftmaxCase{Name: "wide-offset-1e3", B: 1, N: 33, M: 65, D: 65, Offset: 1e3, Scale: .01, Bias: Distance, Want: fused},
	)
	for o, name := range map[Outputs]string{LSE: "lse", Mean: "mean", Second: "second", TMean: "tmean", ColSum: "colsum", Max: "max", Arg: "arg", Mean | TMean: "mean-tmean", plan: "lse-colsum", Mean | Second: "mean-second"} {
		list = append(list, SoftmaxCase{Name: "only-" + name, B: 1, N: 67, M: 71, D: 5, P: 2, Scale: .5, Bias: Potential, RankOne: true, Skip: true, Weights: true, Want: o})
	}
	return list
}

// host draws the case's inputs.
func (c SoftmaxCase) host(t engine.Dtype) *softmaxHost {
	g := newUneven("Softmax/"+c.Name, t)
	kb, vb := c.B, c.B
	if c.Shared {
		kb = 1
	}
	if c.Shared != c.Mixed {
		vb = 1
	}
	h := &softmaxHost{scale: c.Scale}
	if c.Integers {
		small := func(_, _, _ int) float64 { return float64(g.Intn(5) - 2) }
		h.q, h.k = g.array(c.B, c.N, c.D, small), g.array(kb, c.M, c.D, small)
	} else {
		h.k = g.cloud(kb, c.M, c.D, c.Offset)
		if c.Outliers != 0 {
			for b := range kb {
				for j := 4; j < c.M; j += 11 {
					for l, x := range h.k.row(b, j) {
						h.k.row(b, j)[l] = g.round(x * c.Outliers / 20)
					}
				}
			}
		}
		h.q = g.cloud(c.B, c.N, c.D, c.Offset)
		for b := range c.B { // half of the rows lie near a key
			for i := 0; i < c.N && c.M > 0; i += 2 {
				for j, x := range h.k.row(b, g.Intn(c.M)) {
					h.q.row(b, i)[j] = g.round(x + .1*g.Normal())
				}
			}
		}
	}
	if c.Dv > 0 {
		h.v = g.cloud(vb, c.M, c.Dv, 0)
	}
	if c.RowScale {
		h.s = g.array(c.B, c.N, 1, func(_, i, _ int) float64 {
			if i == 2 {
				return 0
			}
			return h.rowScale(0) * (.1 + 1.9*g.Float64())
		})
	}
	h.u = c.bias(g, h, vb)
	if c.RankOne {
		h.c, h.w = g.normals(c.B, c.N, 1), g.normals(kb, c.M, 1)
	}
	if c.Skip {
		h.skip = g.array(c.B, c.N, 1, func(_, i, _ int) float64 {
			if i%3 == 1 {
				return -1 - float64(i)
			}
			return float64(g.Intn(c.M))
		})
	}
	if c.Weights {
		h.a = g.weights(c.B, c.N)
	}
	if c.Want&TMean != 0 {
		h.t = g.normals(c.B*c.N, c.P, c.D)
	}
	return h
}

func (c SoftmaxCase) bias(g uneven, h *softmaxHost, nb int) *array {
	switch c.Bias {
	case Potential:
		return g.array(nb, c.M, 1, func(_, j, _ int) float64 {
			if j%7 == 6 {
				return math.Inf(-1)
			}
			return 2 * g.Normal()
		})
	case Distance:
		scale := c.Scale
		if scale == 0 {
			scale = 1
		}
		return g.array(nb, c.M, 1, func(b, j, _ int) float64 {
			k := h.k.row(b, j)
			return -scale * dot(k, k) / 2
		})
	case Rising, Falling:
		step := 3.0
		if c.Bias == Falling {
			step = -3
		}
		return g.array(nb, c.M, 1, func(_, j, _ int) float64 { return step * float64(j) })
	case Removed:
		return g.array(nb, c.M, 1, func(_, _, _ int) float64 { return math.Inf(-1) })
	}
	return nil
}

// Bind puts the case's inputs and outputs into e's memory. free gives that memory back.
func (c SoftmaxCase) Bind(e engine.Engine, t engine.Dtype) (op *engine.Softmax, free func(), err error) {
	d := &device{e: e, t: t}
	op = d.softmax(c.host(t), c.Want)
	if d.err != nil {
		d.free()
		return nil, nil, d.err
	}
	return op, d.free, nil
}

// softmax binds host inputs and unwritten outputs.
func (d *device) softmax(h *softmaxHost, want Outputs) *engine.Softmax {
	nb, n, m, dv, np := h.q.b, h.q.n, h.k.n, h.values().d, h.tangents()
	op := &engine.Softmax{
		Q: d.put(h.q), K: d.put(h.k), V: d.put(h.v), S: d.put(h.s), Scale: h.scale, U: d.put(h.u),
		C: d.put(h.c), W: d.put(h.w), Skip: d.index(h.skip), T: d.put(h.t), A: d.put(h.a),
	}
	for _, o := range []struct {
		want    Outputs
		buf     *engine.Buffer
		t       engine.Dtype
		b, n, w int
	}{
		{LSE, &op.LSE, d.t, nb, n, 1},
		{Mean, &op.Mean, d.t, nb, n, dv},
		{Second, &op.Second, d.t, nb, n, 1},
		{TMean, &op.TMean, d.t, nb * n, np, dv},
		{ColSum, &op.ColSum, d.t, nb, m, 1},
		{Max, &op.Max, d.t, nb, n, 1},
		{Arg, &op.Arg, engine.I32, nb, n, 1},
	} {
		if want&o.want != 0 {
			*o.buf = d.fill(o.t, o.b, o.n, o.w)
		}
	}
	return op
}

func softmaxTable() []Case {
	var list []Case
	for _, c := range SoftmaxCases() {
		list = append(list, Case{Op: "Softmax", Name: c.Name, run: c.check})
	}
	return list
}

// check runs the case and compares every output that it wants.
func (c SoftmaxCase) check(d *device) error {
	h := c.host(d.t)
	op := d.softmax(h, c.Want)
	if d.err != nil {
		return d.err
	}
	if err := d.e.Softmax(op); err != nil {
		return err
	}
	ref := softmaxPlain[float64](h)
	low := &softmaxOut[float32]{}
	if d.t == engine.F32 {
		low = softmaxPlain[float32](h)
	}
	sum := max(c.M, c.N) + c.D + c.Dv
	unit := h.units(ref, growth(sum)*d.t.Eps())
	for _, o := range []output{
		{"LSE", d.read(op.LSE), ref.lse, unit.lse, low.lse, sum},
		{"Mean", d.read(op.Mean), ref.mean, unit.mean, low.mean, sum},
		{"Second", d.read(op.Second), ref.second, unit.second, low.second, sum},
		{"TMean", d.read(op.TMean), ref.tmean, unit.tmean, low.tmean, sum},
		{"ColSum", d.read(op.ColSum), ref.colsum, unit.colsum, low.colsum, sum},
		{"Max", d.read(op.Max), ref.most, unit.most, low.most, sum},
	} {
		if o.got == nil {
			continue
		}
		if err := o.check(d.t); err != nil {
			return err
		}
	}
	if err := d.unchanged(); err != nil || op.Arg == nil {
		return err
	}
	return c.checkArg(d.t, d.read(op.Arg), ref, unit, sum)
}

// checkArg demands the first of the largest keys where z is exact, and elsewhere a key that rounding
// could have made the largest: both it and the true one may be off by the rule for Max.
func (c SoftmaxCase) checkArg(t engine.Dtype, got []float64, ref *softmaxOut[float64], unit *softmaxUnit, sum int) error {
	for row, want := range ref.arg {
		arg := int(got[row])
		if arg == want {
			continue
		}
		if c.Integers || want < 0 || arg < 0 || arg >= c.M ||
			ref.most[row]-ref.z[row*c.M+arg] > 2*growth(sum)*t.Eps()*unit.most[row] {
			return fmt.Errorf("output Arg[%d] = %d, want %d", row, arg, want)
		}
	}
	return nil
}
