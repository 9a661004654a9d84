package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"monge/engine/study"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

const (
	figureWidth   = vg.Length(390)
	figureHeight  = vg.Length(310)
	figureColumns = 3
	figureHead    = vg.Length(44)
)

// Figures draws a page of figures as a PNG, three in a row under one title. Points that are not finite, or
// not positive along a logarithmic axis, are left out; a figure without any is an empty frame that says so.
// It returns the writer's errors.
func Figures(w io.Writer, title string, figures []study.Figure) error {
	columns := max(1, min(figureColumns, len(figures)))
	rows := max(1, (len(figures)+columns-1)/columns)
	canvas := vgimg.NewWith(
		vgimg.UseWH(vg.Length(columns)*figureWidth+2*margin, vg.Length(rows)*figureHeight+figureHead+margin),
		vgimg.UseDPI(96),
		vgimg.UseBackgroundColor(color.White),
	)
	page := draw.New(canvas)
	sty := style(16, true, inkText)
	sty.YAlign = draw.YTop
	page.FillText(sty, vg.Point{X: page.Min.X + margin, Y: page.Max.Y - 12}, title)
	for i := range figures {
		left := page.Min.X + margin + vg.Length(i%columns)*figureWidth
		top := page.Max.Y - figureHead - vg.Length(i/columns)*figureHeight
		drawFigure(draw.Canvas{Canvas: page.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left + 6, Y: top - figureHeight + 12}, Max: vg.Point{X: left + figureWidth - 10, Y: top},
		}}, &figures[i])
	}
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("report: figures: %w", err)
	}
	return nil
}

// palette is that of Okabe and Ito, told apart with any colour vision, darkest first.
func palette() []color.Color {
	return []color.Color{inkData, color.NRGBA{0xd5, 0x5e, 0x00, 0xff}, color.NRGBA{0x00, 0x9e, 0x73, 0xff},
		color.NRGBA{0xcc, 0x79, 0xa7, 0xff}, inkLatent, color.NRGBA{0x56, 0xb4, 0xe9, 0xff}, inkText, inkMoved,
		color.NRGBA{0x8c, 0x6d, 0x31, 0xff}, color.NRGBA{0x90, 0x98, 0xa0, 0xff}}
}

func drawFigure(c draw.Canvas, f *study.Figure) {
	pl := plot.New()
	pl.BackgroundColor = color.White
	pl.Title.Text = f.Title
	pl.Title.TextStyle = style(11, true, inkText)
	const wider = 1.15 // than its own font is one that a browser has
	if w, room := wider*pl.Title.TextStyle.Width(f.Title), c.Max.X-c.Min.X-70; w > room {
		pl.Title.TextStyle.Font.Size *= room / w
	}
	pl.Title.TextStyle.XAlign, pl.Title.TextStyle.YAlign = draw.XCenter, draw.YTop
	pl.Title.Padding = 5
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = inkGrid, inkGrid
	pl.Add(grid)
	var keys []legendKey
	drawn, inks := 0, palette()
	area := [2][2]float64{{math.Inf(1), math.Inf(-1)}, {math.Inf(1), math.Inf(-1)}}
	for i, curve := range f.Curves {
		at := shown(f, &curve)
		if len(at) == 0 {
			continue
		}
		for _, p := range at {
			for a, v := range [2]float64{p.X, p.Y} {
				area[a][0], area[a][1] = math.Min(area[a][0], v), math.Max(area[a][1], v)
			}
		}
		drawn++
		under := vg.Length(hidden(f, i)) // a curve below another shows as its rim
		line := &plotter.Line{XYs: at, LineStyle: draw.LineStyle{Color: inks[i%len(inks)], Width: 1.4 + 2.2*under}}
		if curve.Dashed {
			line.Dashes = []vg.Length{4, 3}
			pl.Add(line)
			keys = append(keys, legendKey{curve.Name, line.LineStyle})
			continue
		}
		dots := &plotter.Scatter{XYs: at, GlyphStyle: draw.GlyphStyle{Color: inks[i%len(inks)], Radius: 2.2 + 1.3*under, Shape: draw.CircleGlyph{}}}
		bars := intervals(f, &curve)
		for _, b := range bars {
			area[1][0], area[1][1] = math.Min(area[1][0], b.low), math.Max(area[1][1], b.high)
		}
		pl.Add(whiskers{bars, draw.LineStyle{Color: inks[i%len(inks)], Width: .9}})
		pl.Add(line, dots)
		keys = append(keys, legendKey{curve.Name, line.LineStyle})
	}
	if drawn == 0 {
		sty := style(11, false, inkFaint)
		sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
		c.FillText(sty, c.Center(), f.Title+"\nno points to draw")
		return
	}
	for a, ax := range []*plot.Axis{&pl.X, &pl.Y} {
		scale(ax, area[a], [2]bool{f.LogX, f.LogY}[a])
		ax.Color, ax.Tick.Color = inkFaint, inkFaint
		ax.Tick.Label.Font, ax.Tick.Label.Color = face(9, false), inkFaint
	}
	if f.LogX {
		if marks := places(f, pl.X.Min, pl.X.Max); marks != nil {
			pl.X.Tick.Marker = plot.ConstantTicks(marks)
		}
	}
	drawAxes(draw.Crop(c, 0, 0, legend(c, keys), 0), pl, f)
}

// hidden returns how many of the later curves lie upon curve i, to a part of the figure's height.
func hidden(f *study.Figure, i int) (above int) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range f.Curves {
		for _, p := range shown(f, &c) {
			low, high = math.Min(low, p.Y), math.Max(high, p.Y)
		}
	}
	level := func(v float64) float64 {
		if f.LogY {
			return math.Log(v/low) / math.Log(high/low)
		}
		return (v - low) / (high - low)
	}
	at := shown(f, &f.Curves[i])
	for k := i + 1; k < len(f.Curves); k++ {
		over := shown(f, &f.Curves[k])
		if !f.Curves[k].Dashed && slices.EqualFunc(at, over, func(p, q plotter.XY) bool { return p.X == q.X && !(math.Abs(level(p.Y)-level(q.Y)) > .005) }) {
			above++
		}
	}
	return min(above, 3)
}

// places marks where the points lie along a logarithmic axis, if they are few and apart; nil = they are not.
func places(f *study.Figure, lo, hi float64) (marks []plot.Tick) {
	var at []float64
	for _, c := range f.Curves {
		for _, p := range shown(f, &c) {
			at = append(at, p.X)
		}
	}
	slices.Sort(at)
	for i, x := range slices.Compact(at) {
		if i > 0 && math.Log(x/marks[i-1].Value) < .07*math.Log(hi/lo) || i == 12 {
			return nil
		}
		marks = append(marks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', 4, 64)})
	}
	return marks
}

// drawAxes draws the plot with its axes' labels beside it: gonum's own take room where the middle of the range lies, which
// along a logarithmic axis is its end.
func drawAxes(c draw.Canvas, pl *plot.Plot, f *study.Figure) {
	const pitch = vg.Length(13)
	in := draw.Crop(c, pitch+6, 0, pitch, 0) // a long label of a tick reaches beyond its room
	pl.Draw(in)
	data := pl.DataCanvas(in)
	sty := style(9, false, inkFaint)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YBottom
	c.FillText(sty, vg.Point{X: data.Center().X, Y: c.Min.Y + 2}, f.X)
	sty.YAlign, sty.Rotation = draw.YTop, math.Pi/2
	c.FillText(sty, vg.Point{X: c.Min.X, Y: data.Center().Y}, f.Y)
}

// legendKey is a curve's name and line.
type legendKey struct {
	name string
	line draw.LineStyle
}

// legend writes the names at the bottom of c, as many in a line as fit, and returns the height that they take.
func legend(c draw.Canvas, keys []legendKey) vg.Length {
	const pitch, mark, below = vg.Length(12), vg.Length(18), vg.Length(2)
	sty := style(9, false, inkText)
	sty.YAlign = draw.YCenter
	var lines [][]legendKey
	var x vg.Length
	for _, k := range keys {
		if k.name == "" {
			continue
		}
		w := mark + sty.Width(k.name) + 14
		if len(lines) == 0 || 30+x+w > c.Max.X-c.Min.X {
			lines, x = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], k)
		x += w
	}
	for i, line := range lines {
		at := vg.Point{X: c.Min.X + 30, Y: c.Min.Y + below + pitch*(vg.Length(len(lines)-i)-.5)}
		for _, k := range line {
			c.StrokeLine2(k.line, at.X, at.Y, at.X+mark-4, at.Y)
			c.FillText(sty, vg.Point{X: at.X + mark, Y: at.Y}, k.name)
			at.X += mark + sty.Width(k.name) + 14
		}
	}
	if len(lines) == 0 {
		return 0
	}
	return below + pitch*vg.Length(len(lines))
}

// shown returns the points of a curve that its axes can show.
func shown(f *study.Figure, c *study.Curve) plotter.XYs {
	var at plotter.XYs
	for i, x := range c.X {
		y := c.Y[i]
		if math.IsNaN(x-y) || math.IsInf(x, 0) || math.IsInf(y, 0) || f.LogX && x <= 0 || f.LogY && y <= 0 {
			continue
		}
		at = append(at, plotter.XY{X: x, Y: y})
	}
	return at
}

// interval is a bar at x. Where it goes on to 0 and below, a logarithmic axis shows it down to the lowest point.
type interval struct{ x, low, high float64 }

// intervals returns the bars of a curve that its axes can show.
func intervals(f *study.Figure, c *study.Curve) (b []interval) {
	for i, lo := range c.Low {
		one := study.Curve{X: c.X[i : i+1], Y: c.Y[i : i+1]}
		if hi := c.High[i]; len(shown(f, &one)) == 1 && hi > lo && !math.IsInf(hi-lo, 0) {
			if f.LogY && lo <= 0 {
				lo = c.Y[i]
				for _, p := range shown(f, c) { // no lower than the points
					lo = math.Min(lo, p.Y)
				}
			}
			b = append(b, interval{c.X[i], lo, hi})
		}
	}
	return b
}

// whiskers draws intervals as bars with caps. It takes no room beside the axes' ranges.
type whiskers struct {
	bars []interval
	line draw.LineStyle
}

func (w whiskers) Plot(c draw.Canvas, pl *plot.Plot) {
	const half = vg.Length(2.5)
	tx, ty := pl.Transforms(&c)
	for _, b := range w.bars {
		x, low, high := tx(b.x), ty(b.low), ty(b.high)
		c.StrokeLine2(w.line, x, low, x, high)
		c.StrokeLine2(w.line, x-half, low, x+half, low)
		c.StrokeLine2(w.line, x-half, high, x+half, high)
	}
}

// scale sets an axis's range, somewhat wider than the data's, and its ticks.
func scale(ax *plot.Axis, r [2]float64, logarithmic bool) {
	ax.Padding = 0
	if logarithmic {
		ax.Scale = plot.LogScale{}
		ax.Tick.Marker = plot.TickerFunc(decades)
		room := math.Max(.06*math.Log(r[1]/r[0]), .1)
		ax.Min, ax.Max = r[0]*math.Exp(-room), r[1]*math.Exp(room)
		return
	}
	ax.Tick.Marker = plot.TickerFunc(ticks)
	room := .06 * (r[1] - r[0])
	if room == 0 {
		room = math.Max(.1*math.Abs(r[0]), 1e-12)
	}
	ax.Min, ax.Max = r[0]-room, r[1]+room
}

// decades places labels at powers of ten, every k-th where there are many; within less than two decades at
// 1, 2 and 5 times them too.
func decades(lo, hi float64) []plot.Tick {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	step := max(1, (last-first)/6)
	factors := []float64{1}
	if math.Log10(hi/lo) < 2 {
		factors = []float64{1, 2, 5}
	}
	var t []plot.Tick
	for p := first; p <= last; p += step {
		for _, m := range factors {
			if v := m * math.Pow(10, float64(p)); v >= lo && v <= hi {
				t = append(t, plot.Tick{Value: v, Label: decimal(v)})
			}
		}
	}
	return t
}

// decimal writes a power of ten or a small multiple of one, in full where that is short.
func decimal(v float64) string {
	if v >= 1e-3 && v < 1e5 {
		return strconv.FormatFloat(v, 'f', max(0, int(math.Ceil(-math.Log10(v)-1e-9))), 64)
	}
	return strconv.FormatFloat(v, 'e', 0, 64)
}
