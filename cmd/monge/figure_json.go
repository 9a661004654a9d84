package main

import "monge/engine/study"

// figureJSON is a figure whose points the files of a result keep, so that it can be drawn again.
type figureJSON struct {
	Title  string      `json:"title"`
	X      string      `json:"x"`
	Y      string      `json:"y"`
	LogX   bool        `json:"log_x"`
	LogY   bool        `json:"log_y"`
	Curves []curveJSON `json:"curves"`
}

type curveJSON struct {
	Name   string   `json:"name"`
	X      []number `json:"x"`
	Y      []number `json:"y"`
	Low    []number `json:"low,omitempty"`
	High   []number `json:"high,omitempty"`
	Dashed bool     `json:"dashed,omitempty"`
}

func describeFigure(f study.Figure) figureJSON {
	j := figureJSON{Title: f.Title, X: f.X, Y: f.Y, LogX: f.LogX, LogY: f.LogY, Curves: []curveJSON{}}
	for _, c := range f.Curves {
		j.Curves = append(j.Curves, curveJSON{c.Name, convert[number](c.X), convert[number](c.Y), convert[number](c.Low), convert[number](c.High), c.Dashed})
	}
	return j
}

// figure is what describeFigure described. A curve whose lists are not equally long, which no figure has, is left out.
func (j figureJSON) figure() study.Figure {
	f := study.Figure{Title: j.Title, X: j.X, Y: j.Y, LogX: j.LogX, LogY: j.LogY}
	for _, c := range j.Curves {
		if n := len(c.X); len(c.Y) == n && len(c.Low) == len(c.High) && (len(c.Low) == 0 || len(c.Low) == n) {
			f.Curves = append(f.Curves, study.Curve{
				Name: c.Name, X: convert[float64](c.X), Y: convert[float64](c.Y), Low: convert[float64](c.Low), High: convert[float64](c.High), Dashed: c.Dashed,
			})
		}
	}
	return f
}

func convert[T, F ~float64](from []F) (to []T) {
	for _, v := range from {
		to = append(to, T(v))
	}
	return to
}
