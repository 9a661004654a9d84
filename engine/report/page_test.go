package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"monge/engine/report"
	"monge/engine/study"
)

// TestPage writes a page with everything on it: names are escaped, figures are well-formed SVG, and nothing is fetched.
func TestPage(t *testing.T) {
	p := report.Page{Title: "a <b> & c", Summary: "1 of 2", Sections: []report.Section{
		{Title: "figures", Figures: []report.Plot{
			{Caption: "what <it> shows", Command: "monge sweep plot x", Figure: study.Figure{Title: "curve <1>", X: "x", Y: "y", LogX: true, LogY: true, Curves: []study.Curve{
				{Name: "a & b", X: []float64{1, 10, 100}, Y: []float64{1, 2, math.NaN()}, Low: []float64{.5, 2, 0}, High: []float64{2, 2, 1}},
				{X: []float64{1, 100}, Y: []float64{1, 1}, Dashed: true},
			}}},
			{Figure: study.Figure{Title: "nothing to see"}},
		}},
		{Title: "rows", Table: &report.Grid{Head: []string{"name", "value"}, Numeric: []bool{false, true}, Units: []string{"", "s"}, Rows: [][]string{{"<script>", "1"}, {"b", "2.0000000125"}}, Classes: []string{"fail"}, More: 7}},
		{Title: "logs", Blocks: []report.Block{{Caption: "c", Text: "1 < 2\nline"}}, Images: []report.Image{{Caption: "i", PNG: []byte{1, 2, 3}}}},
	}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"a &lt;b&gt; &amp; c", "&lt;script&gt;", `<tr class="fail">`, "7 more rows", "<small>s</small>", `title="2.0000000125">2<`, "what &lt;it&gt; shows<code>monge sweep plot x</code>", "1 &lt; 2\nline", "data:image/png;base64,AQID", `name="viewport"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "<?xml", "url("} {
		rest := strings.ReplaceAll(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), "http://www.w3.org/1999/xlink", "") // names, not addresses
		if strings.Contains(rest, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	figures := strings.Split(page, "<svg")[1:]
	if len(figures) != 2 {
		t.Fatalf("%d figures, want 2", len(figures))
	}
	for i, f := range figures {
		d := xml.NewDecoder(strings.NewReader("<svg" + f[:strings.Index(f, "</svg>")+len("</svg>")]))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("figure %d: %v", i, err)
			}
		}
		if !strings.Contains(f[:300], "viewBox") {
			t.Errorf("figure %d does not scale", i)
		}
	}
}
