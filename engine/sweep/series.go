package sweep

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Series are the values of one column over another, for one value of the column that tells series apart.
type Series struct {
	Name string // "" = there is one series
	X    []float64
	Y    []float64 // means over the repeated axes
	Low  []float64 // 95 % intervals of the means by Student's t; equal to Y where there is one value
	High []float64
	// Error is the standard error of the mean; 0 where there is one value.
	Error []float64
	N     []int // values averaged
}

// SeriesOf groups the rows of a table by the column by ("" = one group) and by x, and averages y over the rest. Rows
// without an x or a y are left out.
func (t *Table) SeriesOf(x, y, by string) ([]Series, error) {
	xs, err := t.Column(x)
	if err != nil {
		return nil, err
	}
	ys, err := t.Column(y)
	if err != nil {
		return nil, err
	}
	bys := -1
	if by != "" {
		if bys, err = t.Column(by); err != nil {
			return nil, err
		}
	}
	var names []string
	values := map[string]map[float64][]float64{}
	for _, row := range t.Rows {
		a, errX := strconv.ParseFloat(row[xs], 64)
		b, errY := strconv.ParseFloat(row[ys], 64)
		if errX != nil || errY != nil {
			continue
		}
		name := ""
		if bys >= 0 {
			name = row[bys]
		}
		if values[name] == nil {
			values[name] = map[float64][]float64{}
			names = append(names, name)
		}
		values[name][a] = append(values[name][a], b)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("sweep: no run has numbers %s and %s: %w", x, y, ErrSpec)
	}
	var out []Series
	for _, name := range names {
		s := Series{Name: name}
		for a := range values[name] {
			s.X = append(s.X, a)
		}
		slices.Sort(s.X)
		for _, a := range s.X {
			b := values[name][a]
			mean, half, std := stat.Mean(b, nil), 0., 0.
			if n := float64(len(b)); n > 1 {
				quantile := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(.975)
				std = stat.StdDev(b, nil) / math.Sqrt(n)
				half = quantile * std
			}
			s.Y, s.Low, s.High, s.N = append(s.Y, mean), append(s.Low, mean-half), append(s.High, mean+half), append(s.N, len(b))
			s.Error = append(s.Error, std)
		}
		out = append(out, s)
	}
	return out, nil
}
