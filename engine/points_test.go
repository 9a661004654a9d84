package engine_test

import (
	"errors"
	"slices"
	"testing"

	"monge/engine"

	"gorgonia.org/tensor"
)

// Matrix gives the numbers in row-major order, however the tensor lies in memory.
func TestMatrix(t *testing.T) {
	rows := func() *tensor.Dense { return engine.Points([]float64{1, 2, 3, 4, 5, 6}, 2, 3) }
	transposed := rows()
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	sliced, err := rows().Slice(nil, tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		t    *tensor.Dense
		want []float64
		n, d int
	}{
		{"rows", rows(), []float64{1, 2, 3, 4, 5, 6}, 2, 3},
		{"transposed", transposed, []float64{1, 4, 2, 5, 3, 6}, 3, 2},
		{"columns", sliced.(*tensor.Dense), []float64{2, 3, 5, 6}, 2, 2},
		{"float32", tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{.5, -2})), []float64{.5, -2}, 1, 2},
		{"one number", engine.Points([]float64{7}, 1, 1), []float64{7}, 1, 1},
		{"column-major", tensor.New(tensor.WithShape(2, 2), tensor.AsFortran([]float64{1, 2, 3, 4})), []float64{1, 2, 3, 4}, 2, 2}, // AsFortran takes rows and lays them out anew,
	} {
		got, n, d, err := engine.Matrix(c.t)
		if err != nil || n != c.n || d != c.d || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v [%d, %d], %v; want %v [%d, %d]", c.name, got, n, d, err, c.want, c.n, c.d)
		}
	}
	for _, c := range []struct {
		name string
		t    *tensor.Dense
		want error
	}{
		{"nil", nil, engine.ErrShape},
		{"rank 1", tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{1, 2, 3})), engine.ErrShape},
		{"integers", tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]int{1, 2})), engine.ErrDtype},
	} {
		if _, _, _, err := engine.Matrix(c.t); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}

func TestPointsKeepsItsNumbers(t *testing.T) {
	x := []float64{1, 2}
	data, _, _, err := engine.Matrix(engine.Points(x, 2, 1))
	if err != nil || &data[0] != &x[0] {
		t.Errorf("a copy was made (error %v)", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("3 numbers for 2 x 2 points: no panic")
		}
	}()
	engine.Points([]float64{1, 2, 3}, 2, 2)
}
