package schedule

import "monge/engine"

// Curved is a Path that engines follow by themselves, to rounding.
type Curved interface {
	Path
	Curve() engine.Curve
}

func (Trig) Curve() engine.Curve     { return engine.Curve{Kind: engine.CurveTrig} }
func (RF) Curve() engine.Curve       { return engine.Curve{Kind: engine.CurveRF} }
func (VE) Curve() engine.Curve       { return engine.Curve{Kind: engine.CurveVE} }
func (Constant) Curve() engine.Curve { return engine.Curve{Kind: engine.CurveConstant} }

func (p Linear) Curve() engine.Curve {
	b0, b1 := p.betas()
	return engine.Curve{Kind: engine.CurveLinear, P: [2]float64{b0, b1}}
}

func (p Cosine) Curve() engine.Curve {
	rate, psi0 := p.slope()
	return engine.Curve{Kind: engine.CurveCosine, P: [2]float64{psi0 / rate}}
}
