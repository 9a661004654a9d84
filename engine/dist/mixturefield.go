package dist

import (
	"fmt"
	"monge/engine"
)

// Bind uploads the cheapest form of the parameters: one variance a component where all are isotropic, one
// basis where all components share it. Many equal isotropic components become smoothed points.
func (m *Mixture) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	if p := m.points(); p != nil {
		return p.Bind(e, t)
	}
	f, err := m.bind(e, t)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (m *Mixture) bind(e engine.Engine, t engine.Dtype) (*mixtureField, error) {
	f := &mixtureField{queue: newQueue(e, t), d: m.d, k: len(m.w)}
	logw := make([]float64, f.k)
	for k, w := range m.w {
		logw[k] = engine.Ln(w)
	}
	f.p.LogW = f.constant("logw", t, 1, f.k, 1, logw)
	f.p.Mean = f.constant("mean", t, 1, f.k, f.d, m.means)
	m.bindCovariances(f)
	if err := f.done(); err != nil {
		f.Free()
		return nil, fmt.Errorf("binding a mixture of %d components in %d dimensions: %w", f.k, f.d, err)
	}
	return f, nil
}

func (m *Mixture) bindCovariances(f *mixtureField) {
	first := m.covs[0]
	columns, sameBasis, plain := 1, true, true
	for _, c := range m.covs {
		if len(c.values) > 1 {
			columns = f.d
		}
		sameBasis = sameBasis && c.sameBasis(first)
		plain = plain && c.plain()
	}
	vars := make([]float64, 0, len(m.covs)*columns)
	for _, c := range m.covs {
		for j := range columns {
			vars = append(vars, c.value(j))
		}
	}
	f.p.Var = f.constant("var", f.t, 1, len(m.covs), columns, vars)
	switch {
	case plain:
	case sameBasis && first.basis != nil:
		f.p.Basis = f.constant("basis", f.t, 1, f.d, f.d, first.basis)
	case sameBasis:
		var rows []float64
		for _, v := range first.reflect {
			rows = append(rows, v...)
		}
		f.p.Reflect = f.constant("reflect", f.t, 1, len(first.reflect), f.d, rows)
	default:
		f.p.Basis = f.buf("basis", len(m.covs), f.d, f.d)
		for k, c := range m.covs {
			f.write(f.p.Basis, k*f.d*f.d, c.dense())
		}
	}
}

// mixtureField is a Mixture bound to an engine.
type mixtureField struct {
	*queue
	d, k int
	p    engine.MixtureParams
}

// Params returns the components; they are the field's.
func (f *mixtureField) Params() *engine.MixtureParams { return &f.p }

func (f *mixtureField) Dim() int      { return f.d }
func (f *mixtureField) Branches() int { return 1 }
func (f *mixtureField) Free()         { f.free() }

func (f *mixtureField) Eval(r *Request) error {
	n, _, err := checkRequest(r, f.d)
	if err != nil || n == 0 {
		return err
	}
	f.mixture(&engine.Mixture{P: &f.p, Coef: r.Coef, X: r.X, T: r.T, V: r.V, TV: r.TV, Div: r.Div, LogP: r.LogP})
	return f.done()
}

func (f *mixtureField) Dominant(branch, coef, x engine.Buffer) error {
	n, err := checkDominant(branch, coef, x, f.d, 1)
	if err != nil || n == 0 {
		return err
	}
	if f.k == 1 {
		f.write(branch, 0, make([]float64, n))
		return f.done()
	}
	logr := f.buf("logr", 1, n, f.k)
	f.mixture(&engine.Mixture{P: &f.p, Coef: coef, X: x, LogR: logr})
	f.argMax(branch, logr)
	return f.done()
}

func (f *mixtureField) Follow(a *Follow) error {
	n, _, err := checkFollow(a, f.d, 1)
	if err != nil || n == 0 {
		return err
	}
	f.follow(&engine.MixtureFollow{P: &f.p, Branch: a.Branch, From: a.From, To: a.To, X: a.X, T: a.T,
		Y: a.Y, V: a.V, TY: a.TY, LogDet: a.LogDet, Others: a.Others})
	return f.done()
}
