package bound

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"monge/engine/arrayio"
	"monge/engine/rng"
)

// uneven returns a network of unequal widths with biases away from 0.
func uneven(t testing.TB) *Network {
	t.Helper()
	n, err := NewNetwork(3, []int{5, 4}, 7, 11)
	if err != nil {
		t.Fatal(err)
	}
	for l := range n.layers {
		rng.Normals(n.layers[l].b, 5, 0, uint64(100*l))
	}
	return n
}

// TestGradients compares every derivative with central differences: their truncation is of the order of h^2 = 1e-10
// times third derivatives of the order of 1, their rounding 1e-16/h = 1e-11.
func TestGradients(t *testing.T) {
	n, params := uneven(t).clone()
	const rows, tol = 6, 3e-9
	x, c := make([]float64, rows*3), make([]float64, rows*3)
	rng.Normals(x, 1, 0, 0)
	rng.Normals(c, 2, 0, 0)
	steps := []int{1, 7, 3, 3, 2, 7}
	sum := func() float64 {
		var s float64
		for i, e := range n.forward(x, steps) {
			s += c[i] * e
		}
		return s
	}
	difference := func(v *float64) float64 {
		const h = 1e-5
		at := *v
		*v = at + h
		up := sum()
		*v = at - h
		down := sum()
		*v = at
		return (up - down) / (2 * h)
	}
	grad, grads := n.clone()
	clear(grads)
	sum()
	back := n.backward(c, steps, grad)
	nonzero := 0
	for i := range params {
		want := difference(&params[i])
		if math.Abs(grads[i]-want) > tol*(1+math.Abs(want)) {
			t.Errorf("parameter %d: %v, differences %v", i, grads[i], want)
		}
		if want != 0 {
			nonzero++
		}
	}
	if nonzero < len(params)/2 { // the embeddings of three of seven steps have no part
		t.Errorf("only %d of %d derivatives are not 0", nonzero, len(params))
	}
	for i := range x {
		if want := difference(&x[i]); math.Abs(back[i]-want) > tol*(1+math.Abs(want)) {
			t.Errorf("row number %d: %v, differences %v", i, back[i], want)
		}
	}
	// Forwards and backwards are transposes: <c, J v> = <J^T c, v>.
	v := make([]float64, len(x))
	rng.Normals(v, 3, 0, 0)
	sum()
	ahead := n.tangent(v, rows)
	var left, right float64
	for i := range v {
		left += c[i] * ahead[i]
		right += back[i] * v[i]
	}
	if math.Abs(left-right) > 1e-13*(1+math.Abs(left)) {
		t.Errorf("<c, J v> = %v, <J^T c, v> = %v", left, right)
	}
}

func TestWeightsRoundTrip(t *testing.T) {
	n := uneven(t)
	path := filepath.Join(t.TempDir(), "w.safetensors")
	var b bytes.Buffer
	if err := arrayio.WriteSafetensors(&b, n.Weights()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := arrayio.ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := FromWeights(w, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{.3, -1, 2}
	want := append([]float64(nil), n.forward(x, []int{4})...)
	for i, e := range m.forward(x, []int{4}) {
		if e != want[i] {
			t.Errorf("coordinate %d: %v after the file, %v before", i, e, want[i])
		}
	}
	for _, c := range []struct {
		name     string
		d, steps int
		change   func(arrayio.Weights)
	}{
		{"another dimension", 2, 7, func(arrayio.Weights) {}},
		{"other steps", 3, 6, func(arrayio.Weights) {}},
		{"NaN", 3, 7, func(w arrayio.Weights) { w["layers.1.bias"].Data[2] = math.NaN() }},
		{"missing", 3, 7, func(w arrayio.Weights) { delete(w, "layers.0.embed") }},
		{"unknown", 3, 7, func(w arrayio.Weights) { w["head"] = arrayio.Weight{} }},
	} {
		w, err := arrayio.ReadSafetensors(path)
		if err != nil {
			t.Fatal(err)
		}
		c.change(w)
		if _, err := FromWeights(w, c.d, c.steps); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}
