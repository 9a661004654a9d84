package arrayio

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A table of text cells keeps the order of its columns, numbers to the last bit, and what is not there.
func TestWriteColumns(t *testing.T) {
	names := []string{"x10", "x2", "id", "gap"}
	numeric := []bool{true, true, false, true}
	write := func(rows [][]string) (string, error) {
		path := filepath.Join(t.TempDir(), "results.parquet")
		var b bytes.Buffer
		if err := WriteColumns(&b, path, names, numeric, rows); err != nil {
			return path, err
		}
		return path, os.WriteFile(path, b.Bytes(), 0o666)
	}
	path, err := write([][]string{{"1", "-2.5e-3", "first", ""}, {"0.1", "1e300", "", "7"}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ReadTensor(path, Options{Columns: []string{"1", "2"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(a.Shape, a.Data), "[2 2] [1 -0.0025 0.1 1e+300]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if a, err = ReadTensor(path, Options{Columns: []string{"x2"}}); err != nil || a.Data[0] != -.0025 {
		t.Errorf("column x2 by its name: %v, %v", a, err)
	}
	_, err = ReadTensor(path, Options{Columns: []string{"id"}})
	wantError(t, err, path, `column 3 ("id"): type STRING`)
	_, err = ReadTensor(path, Options{Columns: []string{"gap"}})
	wantError(t, err, path, `row 1, column 4 ("gap"): the value is null`)

	path, err = write([][]string{{"1", "2", "", ""}, {"one", "2", "", ""}})
	wantError(t, err, path, "row 2, column x10", `"one"`)
	names, numeric = nil, nil
	path, err = write(nil)
	wantError(t, err, path, "a table of 0 columns")
}

// Matrices are clouds, or stacks of them as they are.
func TestReadMatrices(t *testing.T) {
	stack := filepath.Join("testdata", "rank3.npy")
	a, err := ReadMatrices(stack, Options{})
	if err != nil || fmt.Sprint(a.Shape) != "[2 3 4]" || a.Data[23] != 23 {
		t.Errorf("%v, %v", a, err)
	}
	_, err = ReadPoints(stack, Options{})
	wantError(t, err, stack, "array of shape [2, 3, 4]")
	if a, err = ReadMatrices(filepath.Join("testdata", "le-f8.npy"), Options{}); err != nil || fmt.Sprint(a.Shape) != "[5 3]" {
		t.Errorf("%v, %v", a, err)
	}
	empty := filepath.Join(t.TempDir(), "empty.npy")
	var b bytes.Buffer
	if err := encode(&b, empty, []int{2, 0, 3}, []float64{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = ReadMatrices(empty, Options{})
	wantError(t, err, empty, "array of shape [2, 0, 3]")
}
