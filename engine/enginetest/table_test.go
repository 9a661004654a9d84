package enginetest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"monge/engine"
)

const plainLimit = 1 << 28

func TestPlainEngine(t *testing.T) {
	RunAll(t, func(testing.TB) engine.Engine { return &plain{limit: plainLimit} }, nil)
}

func TestCaseNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.String()] {
			t.Errorf("two cases are named %s", c)
		}
		seen[c.String()] = true
		if strings.ContainsAny(c.Name, " /#") {
			t.Errorf("%s cannot be given to -run", c)
		}
	}
}

// caught returns the names of the operation's first cases that fail in one dtype, at most limit.
func caught(e engine.Engine, op string, t engine.Dtype, limit int) (names []string) {
	for _, c := range Cases() {
		if len(names) < limit && c.Op == op && c.Dtype == t && c.Run(e) != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

var outputs = map[string][]string{
	"Softmax":       {"LSE", "Mean", "Second", "TMean", "ColSum", "Max", "Arg"},
	"Mixture":       {"V", "TV", "Div", "LogP", "LogR"},
	"MixtureFollow": {"Y", "V", "TY", "LogDet", "Others"},
	"LinComb":       {"out"}, "ErrorNorm": {"out"}, "Axpby": {"out"}, "Log": {"out"}, "MatMul": {"out"},
	"RowDot": {"out"}, "Reduce": {"sum", "dot", "sum-abs-diff", "max-abs"},
	"CopyRows": {"dst"}, "Copy2D": {"dst"}, "Normal": {"out"},
}

// A wrong engine must fail: each mistake is made in one output of one operation.
func TestMistakesAreCaught(t *testing.T) {
	both := []engine.Dtype{engine.F64, engine.F32}
	for _, m := range []struct {
		name   string
		types  []engine.Dtype
		only   string // operations and outputs that the mistake changes; "" = all but Arg
		change func(x []float64, t engine.Dtype)
	}{
		{"last number off by 1e-3", both, "", func(x []float64, _ engine.Dtype) {
			if n := len(x); n > 0 {
				x[n-1] += 1e-3 * (1 + math.Abs(x[n-1]))
			}
		}},
		{"all off by 1e-11 relatively", both[:1], "", func(x []float64, _ engine.Dtype) {
			for i := range x {
				x[i] *= 1 + 1e-11
			}
		}},
		{"all off by 200 roundings", both[1:], "", func(x []float64, t engine.Dtype) {
			for i := range x {
				x[i] *= 1 + 200*t.Eps()
			}
		}},
		{
			"NaN in place of -Inf or zero", both,
			"Softmax/LSE Softmax/Mean Softmax/Second Softmax/TMean Softmax/ColSum Softmax/Max Mixture/LogR MixtureFollow/Others Axpby/out Log/out MatMul/out",
			func(x []float64, _ engine.Dtype) {
				for i, v := range x {
					if math.IsInf(v, -1) || v == 0 {
						x[i] = math.NaN()
					}
				}
			},
		},
		{"another key", both, "Softmax/Arg", func(x []float64, _ engine.Dtype) {
			if len(x) > 0 {
				x[0]++
			}
		}},
	} {
		for op, names := range outputs {
			for _, out := range names {
				at := op + "/" + out
				if m.only == "" && out == "Arg" || m.only != "" && !slices.Contains(strings.Fields(m.only), at) {
					continue
				}
				for _, typ := range m.types {
					e := &plain{limit: plainLimit, tamper: func(o, name string, typ engine.Dtype, _, _, _ int, x []float64) {
						if o == op && name == out {
							m.change(x, typ)
						}
					}}
					if firstCaught(e, op, typ) == "" {
						t.Errorf("%s in %s of %v: no case fails", m.name, at, typ)
					}
				}
			}
		}
	}
}

func firstCaught(e engine.Engine, op string, t engine.Dtype) string {
	return strings.Join(caught(e, op, t, 1), "")
}

// Mistakes below every tolerance show in the cases that compare bits.
func TestBitsAreCaught(t *testing.T) {
	ulp := func(x []float64, t engine.Dtype) {
		for i, v := range x {
			if t == engine.F32 {
				x[i] = float64(math.Nextafter32(float32(v), 1e30))
			} else {
				x[i] = math.Nextafter(v, 1e300)
			}
		}
	}
	for _, op := range []string{"Softmax", "Mixture", "MixtureFollow", "LinComb", "ErrorNorm", "MatMul", "RowDot"} {
		for _, typ := range []engine.Dtype{engine.F64, engine.F32} {
			for _, m := range []struct {
				name, where string
				hit         func(call, rows int) bool
			}{
				{"depends on the batch", "rows-alone", func(_, rows int) bool { return rows > 4 }},
				{"changes from call to call", "repeated", func(call, _ int) bool { return call%2 == 1 }},
			} {
				calls := 0
				e := &plain{limit: plainLimit, tamper: func(o, name string, typ engine.Dtype, b, n, _ int, x []float64) {
					if o != op || name != outputs[op][0] {
						return
					}
					calls++
					if m.hit(calls/2, b*n) { // repeated cases have another call between
						ulp(x, typ)
					}
				}}
				for _, c := range Cases() {
					if c.Op == op && c.Dtype == typ && c.Name == m.where && c.Run(e) == nil {
						t.Errorf("%s of an engine that %s does not fail", c, m.name)
					}
				}
			}
		}
	}
}

// An engine that reads float32 numbers as the 11 bits of a half is a mistake in kind, not a rounding.
func TestLowPrecisionIsCaught(t *testing.T) {
	half := func(x float64) float64 {
		f, e := math.Frexp(x)
		return math.Ldexp(math.Round(f*0x1p11)/0x1p11, e)
	}
	e := &halfEngine{plain: plain{limit: plainLimit}, half: half}
	for _, op := range []string{"Softmax", "Mixture", "MixtureFollow", "LinComb", "MatMul", "RowDot"} {
		if got := caught(e, op, engine.F32, 4); len(got) < 4 {
			t.Errorf("%s: only %v fail", op, got)
		}
	}
}

// halfEngine stores rounded float32 numbers.
type halfEngine struct {
	plain
	half func(float64) float64
}

func (e *halfEngine) Write(dst engine.Buffer, off int, src []float64) error {
	if dst.Dtype() == engine.F32 {
		src = append([]float64{}, src...)
		for i, x := range src {
			src[i] = e.half(x)
		}
	}
	return e.plain.Write(dst, off, src)
}

func TestLenientEngineIsCaught(t *testing.T) {
	e := &plain{limit: plainLimit, lenient: true}
	for op := range outputs {
		var missed []string
		for _, c := range Cases() {
			if c.Op == op && strings.HasPrefix(c.Name, "error-") && c.Run(e) == nil {
				missed = append(missed, c.String())
			}
		}
		if missed != nil {
			t.Errorf("not caught: %v", missed)
		}
	}
}

func TestDirtyMemoryIsCaught(t *testing.T) {
	e := &plain{limit: plainLimit, tamper: func(op, _ string, _ engine.Dtype, _, _, _ int, x []float64) {
		if op == "Alloc" && len(x) > 0 {
			x[len(x)-1] = 1
		}
	}}
	if got := caught(e, "Alloc", engine.F64, 1); !slices.Contains(got, "zeros") {
		t.Errorf("cases that fail: %v", got)
	}
}

func TestScribblingIsCaught(t *testing.T) {
	e := &plain{limit: plainLimit, scribble: true}
	for _, op := range []string{"Softmax", "Mixture"} {
		if firstCaught(e, op, engine.F64) == "" {
			t.Errorf("%s: no case fails", op)
		}
	}
}

// An engine that takes a row of NaN for an empty one hides that the row broke down.
func TestHiddenNaNIsCaught(t *testing.T) {
	for _, op := range []string{"Softmax", "Mixture", "MixtureFollow", "LinComb", "ErrorNorm", "MatMul", "RowDot"} {
		e := &plain{limit: plainLimit, tamper: func(o, name string, _ engine.Dtype, _, _, _ int, x []float64) {
			for i, v := range x {
				if o == op && math.IsNaN(v) {
					x[i] = 0
				}
			}
		}}
		if got := firstCaught(e, op, engine.F64); !strings.HasPrefix(got, "rows-beside-nan") && !strings.HasPrefix(got, "nan-shows") {
			t.Errorf("%s: the first case that fails is %q", op, got)
		}
	}
}

// Two engines whose results differ by less than any tolerance are not the same.
func TestSame(t *testing.T) {
	a := &plain{limit: plainLimit}
	b := &plain{limit: plainLimit, tamper: func(op, _ string, _ engine.Dtype, _, _, _ int, x []float64) {
		for i, v := range x {
			if op == "LinComb" {
				x[i] = math.Nextafter(v, 1e300)
			}
		}
	}}
	for _, c := range Cases() {
		if c.Dtype != engine.F64 || c.Name != "k3" && c.Name != "odd" {
			continue
		}
		if err := c.same(a, b); (err != nil) != (c.Op == "LinComb") {
			t.Errorf("%s: %v", c, err)
		}
	}
}

// Bound cases run as they are, for benchmarks, and leave nothing behind.
func TestBind(t *testing.T) {
	e := &plain{limit: plainLimit}
	sm, freeSoftmax, err := SoftmaxCases()[3].Bind(e, engine.F32)
	if err != nil {
		t.Fatal(err)
	}
	mx, freeMixture, err := MixtureCases()[3].Bind(e, engine.F64)
	if err != nil {
		t.Fatal(err)
	}
	fl, freeFollow, err := FollowCases()[2].Bind(e, engine.F64)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{e.Softmax(sm), e.Mixture(mx), e.MixtureFollow(fl)} {
		if err != nil {
			t.Error(err)
		}
	}
	for name, out := range map[string]engine.Buffer{"Mean": sm.Mean, "V": mx.V, "Y": fl.Y} {
		for _, x := range host(out).x {
			if math.IsNaN(x) {
				t.Errorf("%s is not written", name)
				break
			}
		}
	}
	freeSoftmax()
	freeMixture()
	freeFollow()
	if e.used != 0 {
		t.Errorf("%d bytes are left", e.used)
	}
	none := &plain{limit: 1}
	if _, _, err := SoftmaxCases()[3].Bind(none, engine.F32); err == nil || none.used != 0 {
		t.Errorf("without memory: error %v, %d bytes left", err, none.used)
	}
}
