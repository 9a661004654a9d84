// Package arrayio reads and writes arrays of points: .npy, .npz, .csv, .tsv and .parquet, each also
// compressed as .gz.
//
// Readers take any well-formed file and refuse all else in one line that names the file, the row, the
// column and the value; rows and columns in messages count from 1. They allocate no more than the data
// that is there, whatever a header claims. Writers go through [Outputs]: every output is checked before
// any work, written beside its final place, and renamed when all are whole.
package arrayio

import (
	"fmt"
	"math"
	"strconv"

	"monge/engine"

	"gorgonia.org/tensor"
)

// Array is an array of numbers in row-major order.
type Array struct {
	Shape []int
	Data  []float64
	// Notes say how the file's contents were understood where that is not obvious, one sentence each,
	// for example "images [100, 3, 8, 8] read as rows of 192 numbers".
	Notes []string

	columns []string // how errors name the columns; nil = by their numbers from 1
}

// Points returns the array as a host tensor without copying. It panics unless the rank is 2.
func (a *Array) Points() *tensor.Dense {
	if len(a.Shape) != 2 {
		panic(fmt.Sprintf("arrayio: points of shape %v, want [N, D]", a.Shape))
	}
	return engine.Points(a.Data, a.Shape[0], a.Shape[1])
}

// Options of the readers. The zero value is the default of each field.
type Options struct {
	// Key is the array's name in a .npz file. It may be empty where the file holds one array. Other
	// formats hold one array and do not look at it.
	Key string
	// Columns picks columns of a table, in this order: names, numbers from 1, or ranges of either, "2-5",
	// "x0-x3" or "2:5", both ends included. A name goes before a number. Arrays of .npy and .npz have no
	// names. nil picks all; of a .csv or .parquet file only the picked columns need be numbers.
	Columns []string
	// MaxMemory is the bytes that the array may take; 0 = the memory available.
	MaxMemory int64
}

// ReadPoints reads a cloud of points [N, D], N and D at least 1, all numbers finite. [N] becomes [N, 1];
// images [N, C, H, W] become [N, C H W] with a note; other ranks are errors.
func ReadPoints(path string, o Options) (*Array, error) {
	return read(path, o, points)
}

// ReadMatrices reads as ReadPoints does, or a stack of matrices [K, N, D] as it is.
func ReadMatrices(path string, o Options) (*Array, error) {
	return read(path, o, func(a *Array) error {
		if len(a.Shape) == 3 && len(a.Data) > 0 {
			return nil
		}
		return points(a)
	})
}

// ReadVector reads n >= 1 finite numbers from an array of shape [n], [n, 1] or [1, n].
func ReadVector(path string, o Options) ([]float64, error) {
	a, err := read(path, o, vector)
	if err != nil {
		return nil, err
	}
	return a.Data, nil
}

// ReadTensor reads an array of any rank, all numbers finite. A .csv or .parquet file has rank 2.
func ReadTensor(path string, o Options) (*Array, error) {
	return read(path, o, func(*Array) error { return nil })
}

// read opens the file at path, decodes it, gives it its shape, and checks the numbers.
func read(path string, o Options, shape func(*Array) error) (*Array, error) {
	f, gz, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	a, err := decodeFile(path, f, gz, o)
	if err != nil {
		return nil, readError(path, err)
	}
	if err := shape(a); err != nil {
		return nil, readError(path, err)
	}
	if len(o.Columns) > 0 && (f == formatNpy || f == formatNpz) {
		if err := a.pick(o.Columns); err != nil {
			return nil, readError(path, err)
		}
	}
	if err := a.checkFinite(); err != nil {
		return nil, readError(path, err)
	}
	return a, nil
}

// points gives a the shape [N, D].
func points(a *Array) error {
	switch s := a.Shape; len(s) {
	case 1:
		a.Shape = []int{s[0], 1}
	case 2:
	case 4:
		d := s[1] * s[2] * s[3]
		a.Notes = append(a.Notes, fmt.Sprintf("images %s read as rows of %d numbers", shapeString(s), d))
		a.Shape = []int{s[0], d}
	default:
		return fmt.Errorf("array of shape %s: want points [N, D], numbers [N] or images [N, C, H, W]", shapeString(s))
	}
	if a.Shape[0] == 0 {
		return fmt.Errorf("array of shape %s: no rows", shapeString(a.Shape))
	}
	if a.Shape[1] == 0 {
		return fmt.Errorf("array of shape %s: no columns", shapeString(a.Shape))
	}
	return nil
}

// vector checks that a is a list of numbers; [1, n] keeps its shape until the numbers are checked, so
// that errors name the column.
func vector(a *Array) error {
	s := a.Shape
	if !(len(s) == 1 || len(s) == 2 && (s[0] == 1 || s[1] == 1)) {
		return fmt.Errorf("array of shape %s: want a vector [n], [n, 1] or [1, n]", shapeString(s))
	}
	if len(a.Data) == 0 {
		return fmt.Errorf("array of shape %s: no numbers", shapeString(s))
	}
	return nil
}

// checkFinite returns an error that names the first NaN or infinity.
func (a *Array) checkFinite() error {
	for i, v := range a.Data {
		if v-v != 0 {
			return fmt.Errorf("%s, counted from 1: value %s is not finite", a.place(i), number(v))
		}
	}
	return nil
}

// place names the position of number i of the array, counting from 1.
func (a *Array) place(i int) string {
	switch len(a.Shape) {
	case 0:
		return "entry 1"
	case 1:
		return fmt.Sprintf("row %d", i+1)
	case 2:
		row, col := i/a.Shape[1], i%a.Shape[1]
		label := strconv.Itoa(col + 1)
		if a.columns != nil {
			label = a.columns[col]
		}
		return fmt.Sprintf("row %d, column %s", row+1, label)
	}
	at := make([]int, len(a.Shape))
	for k := len(a.Shape) - 1; k >= 0; k-- {
		at[k] = i%a.Shape[k] + 1
		i /= a.Shape[k]
	}
	return fmt.Sprintf("row %d, entry %s", at[0], shapeString(at))
}

// columnLabel names column c of the file, counted from 0, by its number from 1 and, where there is one,
// its name.
func columnLabel(c int, names []string) string {
	if c < len(names) {
		return fmt.Sprintf("%d (%s)", c+1, quote(names[c]))
	}
	return strconv.Itoa(c + 1)
}

// number prints v as it stands in files of other programs.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return fmt.Sprint(v)
}

// shapeString prints a shape as [N, D].
func shapeString(s []int) string {
	b := []byte{'['}
	for i, n := range s {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = fmt.Append(b, n)
	}
	return string(append(b, ']'))
}
