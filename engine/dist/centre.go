package dist

import "monge/engine"

// Centrer is a law whose field can be had about its mean. The flow of x - mean is the flow of x moved along alpha mean,
// as x_t = alpha x_0 + sigma e is linear in x_0; far from the origin it keeps the digits that x loses, and a tolerance
// relative to |x - mean| does not depend on where the origin lies.
type Centrer interface {
	Distribution
	// BindCentred is Bind for the law of x - mean. A mean of nil is 0.
	BindCentred(e engine.Engine, t engine.Dtype) (f Field, mean []float64, err error)
}

// BindCentred is the law's own, or for laws that are no [Centrer] Bind, with the mean nil.
func BindCentred(law Distribution, e engine.Engine, t engine.Dtype) (f Field, mean []float64, err error) {
	if c, ok := law.(Centrer); ok {
		return c.BindCentred(e, t)
	}
	f, err = law.Bind(e, t)
	return f, nil, err
}

// binder is BindCentred, or as it is.
type binder func(law Distribution, e engine.Engine, t engine.Dtype) (f Field, mean []float64, err error)

func asItIs(law Distribution, e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	f, err := law.Bind(e, t)
	return f, nil, err
}

func (m *Mixture) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	mean := make([]float64, m.d)
	for i, v := range m.means {
		mean[i%m.d] += m.w[i/m.d] * v
	}
	moved := *m
	moved.means = make([]float64, len(m.means))
	for i, v := range m.means {
		moved.means[i] = v - mean[i%m.d]
	}
	f, err := moved.Bind(e, t)
	return f, mean, err
}

func (g *Gaussian) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	return g.mix.BindCentred(e, t)
}

func (p *Points) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	if p.far() {
		m, err := p.mixture()
		if err != nil {
			return nil, nil, err
		}
		return m.BindCentred(e, t)
	}
	f, err := p.bind(e, t, make([]float64, p.d))
	if err != nil {
		return nil, nil, err
	}
	return f, p.centre, nil
}

func (c *copies) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	return c.bind(e, t, BindCentred)
}

func (p *product) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	return p.bind(e, t, BindCentred)
}

func (l *rotation) BindCentred(e engine.Engine, t engine.Dtype) (Field, []float64, error) {
	return l.bind(e, t, BindCentred)
}
