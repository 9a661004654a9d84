package arrayio

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// readCSV reads a table of numbers [N, D] with cells separated by comma. A byte order mark, CRLF, blank
// lines and lines that start with # are skipped, cells may be quoted. The first row is a header if some
// cell of it is no number, or if picks name its cells. One exception: where the picked cells are numbers,
// and no column is text in the first row alone, the text belongs to the data.
func readCSV(s *stream, comma rune, picks []string) (*Array, error) {
	br := bufio.NewReaderSize(s.r, 1<<16)
	if b, _ := br.Peek(3); string(b) == "\ufeff" {
		br.Discard(3)
	}
	t := &table{in: csv.NewReader(br), limit: s.limit}
	t.in.Comma, t.in.Comment = comma, '#'
	t.in.TrimLeadingSpace = comma == ',' // a tab is space too
	t.in.FieldsPerRecord = -1
	t.in.ReuseRecord = true
	row, err := t.next()
	if err == io.EOF {
		return nil, errors.New("no rows")
	} else if err != nil {
		return nil, err
	}
	first, line := slices.Clone(row), t.line
	row, err = t.next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	header, bad := t.start(first, row, picks)
	if bad != nil {
		return nil, bad
	}
	if !header {
		after := t.line
		t.line = line
		if bad := t.add(first); bad != nil {
			return nil, bad
		}
		t.line = after
	}
	for ; err == nil; row, err = t.next() {
		if err = t.add(row); err != nil {
			return nil, err
		}
	}
	if err != io.EOF {
		return nil, err
	}
	if t.rows == 0 {
		return nil, fmt.Errorf("no rows below the header: %s", quoteNames(first))
	}
	return &Array{Shape: []int{t.rows, len(t.cols)}, Data: t.data, Notes: t.notes}, nil
}

// table gathers the numbers of a text file.
type table struct {
	in    *csv.Reader
	limit int64
	width int      // cells of a row in the file
	cols  []int    // the picked ones
	names []string // header; nil = none
	line  int      // of the row read last
	rows  int      // rows of numbers so far
	data  []float64
	notes []string
}

// next returns the next record that is not blank or a comment behind blanks.
func (t *table) next() ([]string, error) {
	for {
		row, err := t.in.Read()
		if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
			return nil, fmt.Errorf("line %d: %w", pe.Line, pe.Err)
		} else if err != nil {
			return nil, err
		}
		lead := strings.TrimSpace(row[0])
		if len(row) == 1 && lead == "" || strings.HasPrefix(lead, "#") {
			continue
		}
		t.line, _ = t.in.FieldPos(0)
		return row, nil
	}
}

// start decides whether the first row is a header, and which columns to read. second is nil where there
// is one row only.
func (t *table) start(first, second, picks []string) (header bool, err error) {
	t.width = len(first)
	names := make([]string, len(first))
	numbers := 0
	for i, cell := range first {
		names[i] = strings.TrimSpace(cell)
		if isNumber(cell) {
			numbers++
		}
	}
	// A pick that is no number is a name, and so there is a header.
	t.cols, err = resolveColumns(picks, t.width, nil)
	header = err != nil || numbers < t.width
	if header && err == nil && len(picks) > 0 && len(second) == len(first) {
		header = false
		for i, cell := range first {
			header = header || !isNumber(cell) && (isNumber(second[i]) || slices.Contains(t.cols, i))
		}
	}
	switch {
	case header:
		t.names = names
		if t.cols, err = resolveColumns(picks, t.width, names); err != nil {
			return false, err
		}
		if numbers > 0 {
			t.notes = append(t.notes, "first row taken as the header: "+quoteNames(names))
		}
	}
	if len(picks) == 0 {
		for c := range t.width {
			t.cols = append(t.cols, c)
		}
	}
	return header, nil
}

// isNumber tells whether a cell holds a number, be it infinite or out of range.
func isNumber(cell string) bool {
	_, err := parseCell(cell)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// parseCell reads a decimal number, blanks around it allowed. What only Go's syntax takes for a number, 1_0
// or 0x1p4, is more likely a label.
func parseCell(cell string) (float64, error) {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		v, err = strconv.ParseFloat(strings.TrimSpace(cell), 64)
	}
	if err == nil && strings.ContainsAny(cell, "_xX") {
		return 0, strconv.ErrSyntax
	}
	return v, err
}

// add reads the picked cells of a row.
func (t *table) add(row []string) error {
	t.rows++
	if len(row) != t.width {
		return fmt.Errorf("row %d (line %d): %d cells, the first row has %d", t.rows, t.line, len(row), t.width)
	}
	if len(t.data)+len(t.cols) > cap(t.data) {
		if err := fits(int64(len(t.data)+len(t.cols)), 1, t.limit); err != nil {
			return err
		}
	}
	for _, c := range t.cols {
		v, err := parseCell(row[c])
		if err != nil || v-v != 0 {
			return t.cellError(row[c], c, v, err)
		}
		t.data = append(t.data, v)
	}
	return nil
}

// cellError says why the cell of column c is no finite number.
func (t *table) cellError(cell string, c int, v float64, err error) error {
	at := fmt.Sprintf("row %d (line %d), column %s", t.rows, t.line, columnLabel(c, t.names))
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s: value %s is beyond the range of float64", at, quote(strings.TrimSpace(cell)))
	case err == nil:
		return fmt.Errorf("%s, counted from 1: value %s is not finite", at, number(v))
	case strings.TrimSpace(cell) == "":
		return fmt.Errorf("%s: the cell is empty", at)
	case strings.ContainsAny(cell, ";,\t ") && t.width == 1:
		return fmt.Errorf("%s: value %s is not a number; cells are separated by commas in .csv, by tabs in .tsv", at, quote(cell))
	}
	return fmt.Errorf("%s: value %s is not a number", at, quote(cell))
}
