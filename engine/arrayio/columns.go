package arrayio

import (
	"fmt"
	"strconv"
	"strings"
)

// resolveColumns turns the picks of Options.Columns into column indices from 0, for a table of width
// columns with the given names (nil where it has none).
func resolveColumns(picks []string, width int, names []string) ([]int, error) {
	var cols []int
	for _, pick := range picks {
		pick = strings.TrimSpace(pick)
		c, err := resolveColumn(pick, width, names)
		if err == nil {
			cols = append(cols, c)
			continue
		}
		lo, hi, ok := resolveRange(pick, width, names)
		if !ok {
			return nil, err
		}
		if lo > hi {
			return nil, fmt.Errorf("columns %s: the range runs backwards", quote(pick))
		}
		for c := lo; c <= hi; c++ {
			cols = append(cols, c)
		}
	}
	return cols, nil
}

// resolveColumn finds one column by name, else by number from 1.
func resolveColumn(pick string, width int, names []string) (int, error) {
	found := -1
	for i, name := range names {
		if name != pick {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("column %s: columns %d and %d have this name", quote(pick), found+1, i+1)
		}
		found = i
	}
	if found >= 0 {
		return found, nil
	}
	n, err := strconv.Atoi(pick)
	switch {
	case err == nil && n >= 1 && n <= width:
		return n - 1, nil
	case err == nil:
		return 0, fmt.Errorf("column %s: there are columns 1 to %d", quote(pick), width)
	case len(names) > 0:
		return 0, fmt.Errorf("column %s: no such column among %s", quote(pick), quoteNames(names))
	}
	return 0, fmt.Errorf("column %s: the columns have no names, only numbers 1 to %d", quote(pick), width)
}

// resolveRange reads "A-B" or "A:B". Names may hold the separator, so every place to cut is tried.
func resolveRange(pick string, width int, names []string) (lo, hi int, ok bool) {
	for i, c := range pick {
		if c != '-' && c != ':' {
			continue
		}
		a, err1 := resolveColumn(strings.TrimSpace(pick[:i]), width, names)
		b, err2 := resolveColumn(strings.TrimSpace(pick[i+1:]), width, names)
		if err1 == nil && err2 == nil {
			return a, b, true
		}
	}
	return 0, 0, false
}

// pick keeps the picked columns of an array [N, D].
func (a *Array) pick(picks []string) error {
	if len(a.Shape) != 2 {
		return fmt.Errorf("array of shape %s: columns can be picked of an array [N, D]", shapeString(a.Shape))
	}
	n, d := a.Shape[0], a.Shape[1]
	cols, err := resolveColumns(picks, d, nil)
	if err != nil {
		return err
	}
	data := make([]float64, 0, n*len(cols))
	for i := range n {
		for _, c := range cols {
			data = append(data, a.Data[i*d+c])
		}
	}
	a.Shape, a.Data = []int{n, len(cols)}, data
	for _, c := range cols {
		a.columns = append(a.columns, columnLabel(c, nil))
	}
	return nil
}
