package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"

	"monge/engine/study"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Page is a report that people look at: one HTML file that asks nothing of the network.
type Page struct {
	Title    string
	Summary  string // one line
	Sections []Section
}

// Section is a part of a page; what is empty is left out.
type Section struct {
	Title   string
	Text    string
	Figures []Plot
	Images  []Image
	Table   *Grid
	Blocks  []Block
}

// Plot is a figure with a line on what it shows and the command that draws it again.
type Plot struct {
	Figure           study.Figure
	Caption, Command string
}

// Image is a PNG with its caption.
type Image struct {
	Caption string
	PNG     []byte
}

// Grid is a table with a head. Numbers are shown with six digits, and whole where a pointer rests on them.
type Grid struct {
	Head    []string
	Rows    [][]string
	Numeric []bool   // columns of numbers, set to the right
	Classes []string // of the rows: fail, skipped or none; nil = none
	Units   []string // below the head; nil = none
	More    int      // rows left out
}

// Block is text as it is: a command or a log.
type Block struct{ Caption, Text string }

// Write writes the page. It returns the writer's errors.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"svg": svg,
		"png": func(b []byte) template.URL {
			return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))
		},
		"short": short,
		"unit": func(g *Grid, j int) string {
			if j < len(g.Units) {
				return g.Units[j]
			}
			return ""
		},
		"numeric": func(g *Grid, j int) bool { return j < len(g.Numeric) && g.Numeric[j] },
		"class": func(g *Grid, i int) string {
			if i < len(g.Classes) {
				return g.Classes[i]
			}
			return ""
		},
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return nil
}

//go:embed page.html
var pageText string

// short writes a number with at most six digits; what is no number stays.
func short(cell string) string {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || len(cell) <= 8 {
		return cell
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// svg draws a figure as an SVG element that scales with the page.
func svg(f study.Figure) (template.HTML, error) {
	c := vgsvg.New(figureWidth, figureHeight)
	drawFigure(draw.New(c), &f)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	text := b.Bytes()
	if i := bytes.Index(text, []byte("<svg")); i >= 0 { // without the XML declaration, which HTML has no place for
		text = text[i:]
	}
	return template.HTML(text), nil
}
