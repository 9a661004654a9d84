package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"monge/engine/report"
	"monge/engine/study"
	"monge/engine/sweep"
)

// figures plots the quantities over x with a curve for each value of by, and gathers their means.
func (v *view) figures() (plots []report.Plot, means *report.Grid) {
	type point struct {
		by string
		x  float64
	}
	var order []point
	cells := map[point]map[string]string{}
	means = &report.Grid{}
	for _, head := range []string{v.by, v.x} {
		if head != "" {
			means.Head, means.Units, means.Numeric = append(means.Head, head), append(means.Units, ""), append(means.Numeric, head == v.x)
		}
	}
	for _, q := range v.quantities() {
		series, err := v.series(q.column)
		if err != nil { // the results have no such number
			continue
		}
		if upper, ok := strings.CutSuffix(q.column, "relative_lower"); ok && v.closed(q.column, upper+"relative_upper") {
			continue // what the other figure shows
		}
		means.Head, means.Units, means.Numeric = append(means.Head, q.title), append(means.Units, q.column), append(means.Numeric, true)
		for _, s := range series {
			for i, x := range s.X {
				at := point{s.Name, x}
				if cells[at] == nil {
					cells[at] = map[string]string{}
					order = append(order, at)
				}
				cells[at][q.column] = meanText(s, i)
			}
		}
		if v.x == "" {
			continue
		}
		f := sweepFigure(q.title, v.x, q.axis, v.by, series)
		f.LogX = geometric(f)
		f.LogY = spread(f)
		command := []string{"sweep", "plot", v.dir, "--x", v.x, "--y", q.column}
		if v.by != "" {
			command = append(command, "--by", v.by)
		}
		if f.LogX {
			command = append(command, "--logx")
		}
		if f.LogY {
			command = append(command, "--logy")
		}
		if e := v.expectation(q.column); e != nil {
			xs := f.Curves[0].X
			f.Curves = append(f.Curves, study.Curve{Name: "expected", X: []float64{xs[0], xs[len(xs)-1]}, Y: []float64{e.Value, e.Value}, Dashed: true})
		}
		plots = append(plots, report.Plot{Figure: f, Caption: q.column + " over " + v.x, Command: commandLine(command)})
	}
	slices.SortStableFunc(order, func(a, b point) int {
		switch {
		case a.by != b.by:
			return 0
		case a.x < b.x:
			return -1
		}
		return 1
	})
	for _, at := range order {
		var row []string
		if v.by != "" {
			row = append(row, at.by)
		}
		if v.x != "" {
			row = append(row, strconv.FormatFloat(at.x, 'g', -1, 64))
		}
		for _, column := range means.Units[len(row):] {
			row = append(row, cells[at][column])
		}
		means.Rows = append(means.Rows, row)
	}
	return plots, means
}

// series are a column's values over the axis x, or over nothing where there is none, for each value of by.
func (v *view) series(column string) ([]sweep.Series, error) {
	if v.x != "" {
		return v.table.SeriesOf(v.x, column, v.by)
	}
	const nothing = ""
	t := &sweep.Table{Columns: append(slices.Clone(v.table.Columns), nothing)}
	for _, row := range v.table.Rows {
		t.Rows = append(t.Rows, append(slices.Clone(row), "0"))
	}
	return t.SeriesOf(nothing, column, v.by)
}

// closed says whether two columns, the ends of a bracket, are nowhere to be told apart on a page.
func (v *view) closed(lower, upper string) bool {
	i, err1 := v.table.Column(lower)
	j, err2 := v.table.Column(upper)
	if err1 != nil || err2 != nil {
		return false
	}
	var width, size float64
	for _, row := range v.table.Rows {
		lo, err1 := strconv.ParseFloat(row[i], 64)
		hi, err2 := strconv.ParseFloat(row[j], 64)
		if err1 != nil || err2 != nil {
			if row[i] != row[j] {
				return false
			}
			continue
		}
		width, size = math.Max(width, hi-lo), math.Max(size, math.Abs(hi))
	}
	return width <= math.Max(1e-3*size, 1e-9)
}

// meanText writes a mean with the half width of its interval, where it has one: two digits of that, and of the mean as far.
func meanText(s sweep.Series, i int) string {
	mean, half := s.Y[i], (s.High[i]-s.Low[i])/2
	if s.N[i] < 2 || half == 0 {
		return strconv.FormatFloat(mean, 'g', 4, 64)
	}
	digits := 1
	if mean != 0 {
		digits = int(math.Floor(math.Log10(math.Abs(mean)))-math.Floor(math.Log10(half))) + 2
	}
	return rounded(mean, min(max(digits, 1), 6)) + " ± " + rounded(half, 2)
}

// rounded writes a number with so many digits, zeros too.
func rounded(v float64, digits int) string {
	text := strconv.FormatFloat(v, 'e', digits-1, 64)
	v, err := strconv.ParseFloat(text, 64)
	if size := math.Abs(v); err != nil || size != 0 && (size < 1e-4 || size >= 1e6) {
		return text
	}
	places := digits - 1
	if v != 0 {
		places -= int(math.Floor(math.Log10(math.Abs(v))))
	}
	return strconv.FormatFloat(v, 'f', max(places, 0), 64)
}

// sweepFigure makes the figure of series.
func sweepFigure(title, x, y, by string, series []sweep.Series) study.Figure {
	f := study.Figure{Title: title, X: x, Y: y}
	for _, s := range series {
		name := s.Name
		if by != "" {
			name = by + " = " + s.Name
		}
		f.Curves = append(f.Curves, study.Curve{Name: name, X: s.X, Y: s.Y, Low: s.Low, High: s.High})
	}
	return f
}

// spread says whether the values are positive and span more than a factor of 30, so that a logarithmic axis shows them. One
// that is 0 but for rounding, as gaps below 1e-9 are, would take most of such an axis.
func spread(f study.Figure) bool {
	var all []float64
	for _, c := range f.Curves {
		all = append(all, c.Y...)
	}
	if len(all) == 0 {
		return false
	}
	low, high := slices.Min(all), slices.Max(all)
	return low > 1e-9*high && high > 30*low
}

// geometric says whether the places of the points are positive and lie more evenly by their ratios than by their
// differences.
func geometric(f study.Figure) bool {
	var all []float64
	for _, c := range f.Curves {
		all = append(all, c.X...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) < 3 || all[0] <= 0 {
		return false
	}
	var by, of float64 // the largest step, as a part of all
	last := len(all) - 1
	for i := range last {
		by = math.Max(by, (all[i+1]-all[i])/(all[last]-all[0]))
		of = math.Max(of, math.Log(all[i+1]/all[i])/math.Log(all[last]/all[0]))
	}
	return of < by
}
