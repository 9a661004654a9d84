// Package report renders results for people: aligned text tables and pictures.
package report

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Align is the side that a column's cells keep to, Left if nothing is said.
type Align uint8

const (
	Left  Align = iota // texts
	Right              // numbers
)

// Column is a column's head and alignment.
type Column struct {
	Head  string
	Align Align
}

// Table is a text table with aligned columns. The zero value has no columns and prints nothing.
type Table struct {
	Columns []Column
	// Colour sets the heads bold and the section lines apart with terminal escapes.
	Colour bool

	rows []row
}

type row struct {
	cells   []string
	section bool
}

// Add appends a row. Missing cells are empty; it panics where there are more cells than columns.
func (t *Table) Add(cells ...string) {
	if len(cells) > len(t.Columns) {
		panic("report: more cells than columns")
	}
	t.rows = append(t.rows, row{cells: cells})
}

// Section appends a line of its own that heads the rows after it.
func (t *Table) Section(title string) {
	t.rows = append(t.rows, row{cells: []string{title}, section: true})
}

// String returns the whole table, one line a row, without blanks at the ends of lines.
func (t *Table) String() string {
	width := make([]int, len(t.Columns))
	heads := false
	for j, c := range t.Columns {
		width[j] = uniseg.StringWidth(c.Head)
		heads = heads || c.Head != ""
	}
	for _, r := range t.rows {
		if r.section {
			continue
		}
		for j, c := range r.cells {
			width[j] = max(width[j], uniseg.StringWidth(c))
		}
	}
	var b strings.Builder
	if heads {
		cells := make([]string, len(t.Columns))
		for j, c := range t.Columns {
			cells[j] = c.Head
		}
		b.WriteString(t.style("1", t.line(cells, width)) + "\n")
	}
	for _, r := range t.rows {
		if r.section {
			b.WriteString(t.style("36", r.cells[0]) + "\n")
			continue
		}
		b.WriteString(t.line(r.cells, width) + "\n")
	}
	return b.String()
}

// WriteTo writes the table.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, t.String())
	return int64(n), err
}

func (t *Table) line(cells []string, width []int) string {
	var b strings.Builder
	for j, c := range cells {
		pad := strings.Repeat(" ", width[j]-uniseg.StringWidth(c))
		if j > 0 {
			b.WriteString("  ")
		}
		if t.Columns[j].Align == Right {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func (t *Table) style(code, s string) string {
	if !t.Colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
