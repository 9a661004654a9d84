package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

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
	Figures []study.Figure
	Images  []Image
	Table   *Grid
	Blocks  []Block
}

// Image is a PNG with its caption.
type Image struct {
	Caption string
	PNG     []byte
}

// Grid is a table with a head.
type Grid struct {
	Head    []string
	Rows    [][]string
	Numeric []bool   // columns of numbers, set to the right
	Classes []string // of the rows: fail, skipped or none; nil = none
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

const pageText = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light; --ink: #1b2733; --faint: #5c6b7a; --line: #d9e0e7; --pass: #0b7a4b; --fail: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem 1rem 4rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 60rem; }
.summary { color: var(--faint); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; }
figure svg, figure img { display: block; width: 100%; height: auto; }
figcaption { color: var(--faint); font-size: .85rem; padding-top: .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; white-space: nowrap; }
td.wide { white-space: normal; min-width: 14rem; }
th { position: sticky; top: 0; background: #f4f7fa; }
.number { text-align: right; }
tr.fail td { color: var(--fail); } tr.skipped td { color: var(--faint); }
pre { background: #f4f7fa; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; overflow-x: auto; font-size: .8rem; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p class="summary">{{.Summary}}</p>
{{range .Sections}}<section>
<h2>{{.Title}}</h2>
{{with .Text}}<p>{{.}}</p>{{end}}
{{if or .Figures .Images}}<div class="figures">
{{range .Figures}}<figure>{{svg .}}</figure>
{{end}}{{range .Images}}<figure><img alt="{{.Caption}}" src="{{png .PNG}}"><figcaption>{{.Caption}}</figcaption></figure>
{{end}}</div>{{end}}
{{with .Table}}{{$g := .}}<div class="scroll"><table>
<thead><tr>{{range $j, $h := .Head}}<th{{if numeric $g $j}} class="number"{{end}}>{{$h}}</th>{{end}}</tr></thead>
<tbody>{{range $i, $r := .Rows}}
<tr class="{{class $g $i}}">{{range $j, $c := $r}}<td class="{{if numeric $g $j}}number{{else if gt (len $c) 48}}wide{{end}}">{{$c}}</td>{{end}}</tr>{{end}}
</tbody></table></div>
{{with .More}}<p class="summary">{{.}} more rows are in the files.</p>{{end}}{{end}}
{{range .Blocks}}{{with .Caption}}<p>{{.}}</p>{{end}}<pre>{{.Text}}</pre>
{{end}}</section>
{{end}}</body>
</html>
`
