package dist

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"monge/engine"
	"monge/engine/nearest"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// table reads the keys of one law in a TOML file. Each reader takes its key out, so that what is left over is
// unknown; the first error sticks, and readers after it return nothing.
type table struct {
	*loader
	file   string
	prefix string // "factors[1]." inside another law
	dir    string // the file's folder
	m      map[string]any
	asked  []string // the keys that were looked for
	err    error
}

func (t *table) fail(key, format string, args ...any) {
	t.failWith(key, bad(format, args...))
}

// failWith keeps another law's or reader's error under a key of this one.
func (t *table) failWith(key string, err error) {
	if t.err == nil && err != nil {
		t.err = at(t.file+": "+t.prefix+key, err)
	}
}

// has says whether the key is still there.
func (t *table) has(key string) bool {
	t.asked = append(t.asked, key)
	return t.m[key] != nil
}

// take returns the value of a key, or an error where it is missing.
func (t *table) take(key string) any {
	t.asked = append(t.asked, key)
	v, ok := t.m[key]
	delete(t.m, key)
	if !ok {
		t.fail(key, "missing%s", t.misspelt(key))
	}
	if t.err != nil {
		return nil
	}
	return v
}

// oneOf returns the one key of keys that is there; none or several are an error.
func (t *table) oneOf(keys ...string) string {
	var found []string
	for _, k := range keys {
		if t.has(k) {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	got := "none"
	if len(found) > 0 {
		got = strings.Join(found, ", ")
	}
	t.fail(strings.Join(keys, ", "), "want exactly one of them, got %s", got)
	return ""
}

// rest reports keys that nothing took.
func (t *table) rest(kind string) {
	if t.err == nil && len(t.m) > 0 {
		key := slices.Min(slices.Collect(maps.Keys(t.m)))
		t.fail(key, "unknown key of kind %q, with value %s%s", kind, show(t.m[key]), nearest.Hint(key, t.asked))
	}
}

// misspelt names the key that may have been meant for one that is missing, or nothing.
func (t *table) misspelt(key string) string {
	if found := nearest.Name(key, slices.Sorted(maps.Keys(t.m))); found != "" {
		return fmt.Sprintf("; did you write %s for it?", found)
	}
	return ""
}

// text reads a string.
func (t *table) text(key string) string {
	v := t.take(key)
	s, ok := v.(string)
	if t.err == nil && !ok {
		t.fail(key, "%s: want a string", show(v))
	}
	return s
}

// number reads a finite number.
func (t *table) number(key string) float64 {
	v := t.take(key)
	if t.err != nil {
		return 0
	}
	return t.asNumber(key, v)
}

func (t *table) asNumber(key string, v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	}
	t.fail(key, "%s: want a finite number", show(v))
	return 0
}

// positive reads a finite number above 0.
func (t *table) positive(key string) float64 {
	v := t.number(key)
	if t.err == nil && !(v > 0) {
		t.fail(key, "%v: want a number above 0", v)
	}
	return v
}

// count reads an integer from 1 to most.
func (t *table) count(key string, most int64) int {
	v := t.take(key)
	n, ok := v.(int64)
	if t.err == nil && (!ok || n < 1 || n > most) {
		t.fail(key, "%s: want an integer from 1 to %d", show(v), most)
		return 1
	}
	return int(n)
}

// list reads an array.
func (t *table) list(key string) []any {
	v := t.take(key)
	x, ok := v.([]any)
	if t.err == nil && !ok {
		t.fail(key, "%s: want a list", show(v))
	}
	if t.err == nil && len(x) == 0 {
		t.fail(key, "an empty list")
	}
	return x
}

// vector reads a list of finite numbers, or a file with one row or one column.
func (t *table) vector(key string) []float64 {
	return t.asVector(key, t.take(key))
}

func (t *table) asVector(key string, v any) []float64 {
	if t.err != nil {
		return nil
	}
	switch x := v.(type) {
	case string:
		data, n, d := t.array(key, x)
		if t.err == nil && n != 1 && d != 1 {
			t.fail(key, "%s holds %d x %d numbers: want one row or one column", x, n, d)
		}
		return data
	case []any:
		if len(x) == 0 {
			t.fail(key, "an empty list")
		}
		out := make([]float64, len(x))
		for i, v := range x {
			if out[i] = t.asNumber(fmt.Sprintf("%s[%d]", key, i), v); t.err != nil {
				return nil
			}
		}
		return out
	}
	t.fail(key, "%s: want a list of numbers or a file", show(v))
	return nil
}

// positives is vector with every number above 0.
func (t *table) positives(key string) []float64 {
	x := t.vector(key)
	t.allPositive(key, x)
	return x
}

func (t *table) allPositive(key string, x []float64) {
	for i, v := range x {
		if !(v > 0) {
			t.fail(fmt.Sprintf("%s[%d]", key, i), "%v: want a number above 0", v)
			return
		}
	}
}

// rows reads a list of vectors, or a file with one a row. A plain list of numbers is one column.
func (t *table) rows(key string) [][]float64 {
	return t.asRows(key, t.take(key))
}

func (t *table) asRows(key string, v any) [][]float64 {
	if t.err != nil {
		return nil
	}
	switch x := v.(type) {
	case string:
		data, n, d := t.array(key, x)
		if t.err != nil {
			return nil
		}
		return slices.Collect(slices.Chunk(data[:n*d], d))
	case []any:
		if len(x) == 0 {
			t.fail(key, "an empty list")
		}
		out := make([][]float64, len(x))
		for i, v := range x {
			row := fmt.Sprintf("%s[%d]", key, i)
			switch v.(type) {
			case int64, float64:
				v = []any{v}
			}
			if _, file := v.(string); file {
				t.fail(row, "%s: want a list of numbers", show(v))
			}
			if out[i] = t.asVector(row, v); t.err == nil && len(out[i]) != len(out[0]) {
				t.fail(row, "%d numbers, where %s[0] has %d", len(out[i]), key, len(out[0]))
			}
			if t.err != nil {
				return nil
			}
		}
		return out
	}
	t.fail(key, "%s: want a list of lists of numbers or a file", show(v))
	return nil
}

// array reads an array file as finite numbers [n, d], both at least 1.
func (t *table) array(key, name string) (data []float64, n, d int) {
	x := t.openArray(key, name)
	if t.err == nil && x.Dims() == 3 {
		t.fail(key, "%s: array of shape %v: want a matrix", name, []int(x.Shape()))
	}
	return t.matrix(key, name, x)
}

// stack is array for k matrices of d x d numbers: [k, d, d], [k d, d] or [k, d d].
func (t *table) stack(key, name string, k, d int) [][][]float64 {
	x := t.openArray(key, name)
	if t.err != nil {
		return nil
	}
	s := x.Shape()
	switch {
	case len(s) == 3 && s[0] == k && s[1] == d && s[2] == d:
		x = tensor.New(tensor.WithShape(k*d, d), tensor.WithBacking(x.Data()))
	case len(s) == 2 && (s[0] == k*d && s[1] == d || s[0] == k && s[1] == d*d):
	default:
		t.fail(key, "%s: array of shape %v: want %d matrices of %d x %d", name, []int(s), k, d, d)
		return nil
	}
	data, _, _ := t.matrix(key, name, x)
	if t.err != nil {
		return nil
	}
	return slices.Collect(slices.Chunk(slices.Collect(slices.Chunk(data, d)), d))
}

func (t *table) openArray(key, name string) *tensor.Dense {
	x, err := t.open(beside(t.dir, name))
	t.failWith(key, err)
	return x
}

// matrix checks the numbers of a file.
func (t *table) matrix(key, name string, x *tensor.Dense) (data []float64, n, d int) {
	if t.err != nil {
		return nil, 0, 0
	}
	data, n, d, err := engine.Matrix(x)
	if err != nil {
		t.failWith(key, err)
		return nil, 0, 0
	}
	if n == 0 || d == 0 {
		t.fail(key, "%s holds no numbers", name)
		return nil, 0, 0
	}
	for i, v := range data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.fail(key, "%s: row %d, column %d = %v: want a finite number", name, i/d, i%d, v)
			return nil, 0, 0
		}
	}
	return data, n, d
}

// weights reads n weights, nil where the key is missing, and warns where their sum is not 1.
func (t *table) weights(n int) []float64 {
	const key = "weights"
	if !t.has(key) || t.err != nil {
		return nil
	}
	w := t.vector(key)
	if t.err != nil {
		return nil
	}
	if len(w) != n {
		t.fail(key, "%d weights, want %d", len(w), n)
		return nil
	}
	sum := 0.0
	for i, v := range w {
		if v < 0 {
			t.fail(fmt.Sprintf("%s[%d]", key, i), "%v: want no negative weight", v)
			return nil
		}
		sum += v
	}
	if sum == 0 {
		t.fail(key, "all %d weights are zero", n)
		return nil
	}
	if math.Abs(sum-1) > 1e-9 {
		t.warnings = append(t.warnings, t.file+": "+t.prefix+key+": normalised")
	}
	return w
}

// square turns rows into a symmetric matrix of size d; differences across the diagonal of up to 1e-10 of its
// largest number are rounding, and averaged out.
func (t *table) square(key string, rows [][]float64, d int) *mat.SymDense {
	if t.err != nil {
		return nil
	}
	if len(rows) != d || len(rows[0]) != d {
		t.fail(key, "%d x %d numbers, want %d x %d", len(rows), len(rows[0]), d, d)
		return nil
	}
	largest := 0.0
	for _, r := range rows {
		for _, v := range r {
			largest = max(largest, math.Abs(v))
		}
	}
	c := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			a, b := rows[i][j], rows[j][i]
			if !(math.Abs(a-b) <= 1e-10*largest) {
				t.fail(key, "not symmetric: [%d][%d] = %v, [%d][%d] = %v", i, j, a, j, i, b)
				return nil
			}
			c.SetSym(i, j, a/2+b/2)
		}
	}
	return c
}

// show writes a value on one short line.
func show(v any) string {
	if v == nil {
		return "nothing"
	}
	s := strings.Join(strings.Fields(fmt.Sprint(v)), " ")
	if str, ok := v.(string); ok {
		s = fmt.Sprintf("%q", str)
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	return s
}
