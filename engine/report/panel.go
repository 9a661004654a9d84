package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	imagefont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	titleHeight  = vg.Length(56)
	legendHeight = vg.Length(34)
	margin       = vg.Length(16)
)

// draw lays the picture out: a title, two panels of equal scale, and one legend for both.
func (p *pairs) draw(c draw.Canvas, o *CouplingsOptions) {
	w, h := c.Max.X-c.Min.X, c.Max.Y-c.Min.Y
	p.heading(draw.Crop(c, margin, -margin, h-titleHeight, -6), o)
	p.legend(draw.Crop(c, margin, -margin, 4, legendHeight-h))

	body := draw.Crop(c, margin, -margin, legendHeight, -titleHeight)
	width := (w - 2*margin - margin) / 2
	left := draw.Crop(body, 0, -(width + margin), 0, 0)
	right := draw.Crop(body, width+margin, 0, 0, 0)
	p.panel(left, fmt.Sprintf("Encoder: each point with its own latent     mean |x − z|² = %.6g", p.cost[0]), func(i int) int { return i })
	if p.assignment == nil {
		sty := style(13, false, inkFaint)
		sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
		right.FillText(sty, right.Center(), "No pairing was computed for this cloud;\nthe bracket of the optimal cost stands in the results.")
		return
	}
	p.panel(right, fmt.Sprintf("Optimal: the cheapest pairing found     mean |x − z|² = %.6g", p.cost[1]), func(i int) int { return int(p.assignment[i]) })
}

func (p *pairs) heading(c draw.Canvas, o *CouplingsOptions) {
	title := o.Title
	if title == "" {
		title = "Encoder and optimal transport"
	}
	sty := style(17, true, inkText)
	sty.YAlign = draw.YTop
	c.FillText(sty, vg.Point{X: c.Min.X, Y: c.Max.Y}, title)
	sty = style(12, false, inkFaint)
	sty.YAlign = draw.YTop
	c.FillText(sty, vg.Point{X: c.Min.X, Y: c.Max.Y - 25}, p.verdict(o))
}

// verdict says in one line what the picture shows.
func (p *pairs) verdict(o *CouplingsOptions) string {
	s := fmt.Sprintf("%d points in %d dimensions", p.n, p.d)
	if p.d == 1 {
		s = fmt.Sprintf("%d points in 1 dimension", p.n)
	}
	lo, hi := o.RelativeLower, o.RelativeUpper
	if lo == 0 && hi == 0 && p.cost[0] > 0 {
		// Without a pairing the second cost is 0 and the gap infinite: not known.
		lo = (p.cost[0] - p.cost[1]) / p.cost[1]
		hi = lo
	}
	switch {
	case math.IsNaN(lo - hi), math.IsInf(hi, 0):
	case math.Abs(hi) <= 1e-9:
		s += "; the encoder's pairing is optimal on this cloud"
	case hi-lo <= 1e-3*math.Abs(hi):
		s += fmt.Sprintf("; the encoder's cost is %.3g %% above the optimum", 100*hi)
	default:
		s += fmt.Sprintf("; the encoder's cost is %.3g to %.3g %% above the optimum", 100*lo, 100*hi)
	}
	if p.assignment != nil && p.moved > 0 {
		s += fmt.Sprintf("; %d of %d pairs change (%.3g %%)", p.moved, p.n, 100*float64(p.moved)/float64(p.n))
	}
	if len(p.rows) < p.n {
		s += fmt.Sprintf("; %d pairs drawn", len(p.rows))
	}
	return s
}

// panel draws one pairing: row i of x with row pair(i) of z.
func (p *pairs) panel(c draw.Canvas, title string, pair func(int) int) {
	pl := plot.New()
	pl.BackgroundColor = color.White
	pl.Title.Text = title
	pl.Title.TextStyle = style(12.5, true, inkText)
	pl.Title.TextStyle.XAlign, pl.Title.TextStyle.YAlign = draw.XCenter, draw.YTop
	pl.Title.Padding = 8
	for a, ax := range []*plot.Axis{&pl.X, &pl.Y} {
		ax.Min, ax.Max = p.area[a][0], p.area[a][1]
		ax.Padding = 0
		ax.Color = inkFaint
		ax.Label.Text = p.axis[a]
		ax.Tick.Color = inkFaint
		ax.Tick.Marker = plot.TickerFunc(ticks)
		for _, sty := range []*text.Style{&ax.Label.TextStyle, &ax.Tick.Label} {
			sty.Font, sty.Color = face(10, false), inkFaint
		}
	}
	if p.d == 1 {
		pl.Y.Tick.Marker = plot.ConstantTicks{{Value: 1, Label: "data"}, {Value: 0, Label: "latent"}}
	} else {
		p.square(pl, c)
		grid := plotter.NewGrid()
		grid.Vertical.Color, grid.Horizontal.Color = inkGrid, inkGrid
		pl.Add(grid)
	}
	pl.Add(segments{p, pair, false}, segments{p, pair, true}, dots{p, pair})
	pl.Draw(c)
}

// ticks places labels at multiples of 1, 2 or 5 times a power of ten, five to ten of them.
func ticks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/5)))
	for _, m := range []float64{5, 2} {
		if (hi-lo)/(m*step) >= 5 {
			step *= m
			break
		}
	}
	var t []plot.Tick
	for k := math.Ceil(lo / step); k*step <= hi; k++ {
		t = append(t, plot.Tick{Value: k * step, Label: strconv.FormatFloat(k*step+0, 'g', 6, 64)}) // -0 + 0 = 0
	}
	return t
}

// square widens one axis so that a unit has the same length along both: distances are then what is seen.
func (p *pairs) square(pl *plot.Plot, c draw.Canvas) {
	area := pl.DataCanvas(c)
	w, h := float64(area.Max.X-area.Min.X), float64(area.Max.Y-area.Min.Y)
	perX, perY := (pl.X.Max-pl.X.Min)/w, (pl.Y.Max-pl.Y.Min)/h
	widen := func(ax *plot.Axis, by float64) {
		mid, half := (ax.Min+ax.Max)/2, (ax.Max-ax.Min)/2*by
		ax.Min, ax.Max = mid-half, mid+half
	}
	if perX < perY {
		widen(&pl.X, perY/perX)
	} else {
		widen(&pl.Y, perX/perY)
	}
}

// segments draws the pairs that the assignment keeps, or those that it moves.
type segments struct {
	p     *pairs
	pair  func(int) int
	moved bool
}

func (s segments) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	line := draw.LineStyle{Color: inkKept, Width: 0.7}
	if s.moved {
		line = draw.LineStyle{Color: inkMoved, Width: 1.1}
	}
	for _, i := range s.p.rows {
		if s.p.changes(i) != s.moved {
			continue
		}
		a, b := s.p.x[i], s.p.z[s.pair(i)]
		c.StrokeLine2(line, tx(a[0]), ty(a[1]), tx(b[0]), ty(b[1]))
	}
}

// dots draws both clouds over the segments, the latents first.
type dots struct {
	p    *pairs
	pair func(int) int
}

func (s dots) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	for _, i := range s.p.rows {
		z := s.p.z[s.pair(i)]
		c.DrawGlyph(latentGlyph(), vg.Point{X: tx(z[0]), Y: ty(z[1])})
	}
	for _, i := range s.p.rows {
		x := s.p.x[i]
		c.DrawGlyph(dataGlyph(), vg.Point{X: tx(x[0]), Y: ty(x[1])})
	}
}

func dataGlyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: inkData, Radius: 1.9, Shape: draw.CircleGlyph{}}
}

func latentGlyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: inkLatent, Radius: 1.8, Shape: draw.BoxGlyph{}}
}

func (p *pairs) legend(c draw.Canvas) {
	y := (c.Min.Y + c.Max.Y) / 2
	sty := style(11, false, inkText)
	sty.YAlign = draw.YCenter
	x := c.Min.X + 8
	entry := func(label string, mark func(at vg.Point)) {
		mark(vg.Point{X: x + 11, Y: y})
		c.FillText(sty, vg.Point{X: x + 28, Y: y}, label)
		x += 28 + sty.Width(label) + 30
	}
	stroke := func(col color.Color, width vg.Length) func(vg.Point) {
		return func(at vg.Point) {
			c.StrokeLine2(draw.LineStyle{Color: col, Width: width}, at.X-11, at.Y, at.X+11, at.Y)
		}
	}
	entry("data point x", func(at vg.Point) { g := dataGlyph(); g.Radius = 3.5; c.DrawGlyph(g, at) })
	entry("latent z = E(x)", func(at vg.Point) { g := latentGlyph(); g.Radius = 3.5; c.DrawGlyph(g, at) })
	if p.assignment == nil {
		entry("pair", stroke(inkKept, 1.4))
		return
	}
	entry("pair in both pairings", stroke(inkKept, 1.4))
	if p.moved > 0 {
		entry("pair that differs", stroke(inkMoved, 1.6))
	}
}

func face(size vg.Length, bold bool) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = imagefont.WeightBold
	}
	return f
}

func style(size vg.Length, bold bool, ink color.Color) text.Style {
	return text.Style{Color: ink, Font: face(size, bold), Handler: plot.DefaultTextHandler}
}
