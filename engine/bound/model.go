package bound

import (
	"fmt"

	"monge/engine"
	"monge/engine/dist"
)

// Model gives scores at the times of a process. A model serves one goroutine at a time.
type Model interface {
	Dim() int
	// Scores sets s_i = s_theta(x_i, t) for rows x [n, d].
	Scores(s, x []float64, t Time) error
	// Symmetric sets y_i = (J + J^T)/2 v_i with J = ds_theta/dx at (x_i, t).
	Symmetric(y, x, v []float64, t Time) error
}

// Scaled is the model (1 + Delta) grad log p_t of a law; Delta = 0 is the exact score.
type Scaled struct {
	Delta float64
	e     engine.Engine
	t     engine.Dtype
	field dist.Field
	rows  int
	bufs  []engine.Buffer // coef, x, t, v, tv
	coef  []float64
}

var _ Model = (*Scaled)(nil)

// scoreRows is the count of rows of one call of a field.
const scoreRows = 4096

// NewScaled binds the law to the engine, which evaluates it in the given type.
func NewScaled(e engine.Engine, t engine.Dtype, law dist.Distribution, delta float64) (*Scaled, error) {
	f, err := law.Bind(e, t)
	if err != nil {
		return nil, fmt.Errorf("bound: %w", err)
	}
	return &Scaled{Delta: delta, e: e, t: t, field: f}, nil
}

// times returns the model of another Delta on the same field; it is freed by release.
func (m *Scaled) times(delta float64) *Scaled {
	return &Scaled{Delta: delta, e: m.e, t: m.t, field: m.field}
}

// Free gives the engine's memory back.
func (m *Scaled) Free() {
	m.release()
	m.field.Free()
}

// release gives the buffers back.
func (m *Scaled) release() {
	for _, b := range m.bufs {
		b.Free()
	}
	m.bufs, m.rows = nil, 0
}

// Dim returns d.
func (m *Scaled) Dim() int { return m.field.Dim() }

// Scores implements Model.
func (m *Scaled) Scores(s, x []float64, t Time) error {
	return m.eval(s, x, nil, t)
}

// Symmetric implements Model: the score is a gradient, its Jacobian symmetric.
func (m *Scaled) Symmetric(y, x, v []float64, t Time) error {
	return m.eval(y, x, v, t)
}

// eval writes scores, or products of their Jacobian with v.
func (m *Scaled) eval(out, x, v []float64, t Time) error {
	d := m.Dim()
	n := len(x) / d
	if err := m.reserve(min(n, scoreRows)); err != nil {
		return err
	}
	for lo := 0; lo < n; lo += scoreRows {
		hi := min(n, lo+scoreRows)
		if err := m.part(out[lo*d:hi*d], x[lo*d:hi*d], v, lo*d, t); err != nil {
			return fmt.Errorf("bound: scores: %w", err)
		}
	}
	for i := range out {
		out[i] *= 1 + m.Delta
	}
	return nil
}

func (m *Scaled) part(out, x, v []float64, lo int, t Time) error {
	d := m.Dim()
	n := len(x) / d
	coef := m.coef[:n*engine.CoefCount]
	for i := range n { // (c1, c2) = (0, 1) asks for the score itself
		c := coef[i*engine.CoefCount:]
		c[engine.CoefAlpha], c[engine.CoefSigma], c[engine.CoefMean], c[engine.CoefScore] = t.Alpha, t.Sigma, 0, 1
	}
	if err := m.e.Write(m.bufs[0], 0, coef); err != nil {
		return err
	}
	if err := m.e.Write(m.bufs[1], 0, x); err != nil {
		return err
	}
	r := dist.Request{Coef: m.bufs[0].View(0, 1, n, engine.CoefCount), X: m.bufs[1].View(0, 1, n, d)}
	result := m.bufs[3]
	if v == nil {
		r.V = result.View(0, 1, n, d)
	} else {
		if err := m.e.Write(m.bufs[2], 0, v[lo:lo+len(x)]); err != nil {
			return err
		}
		r.T, r.TV = m.bufs[2].View(0, n, 1, d), result.View(0, n, 1, d)
	}
	if err := m.field.Eval(&r); err != nil {
		return err
	}
	return m.e.Read(out, result, 0)
}

// reserve makes buffers of at least n rows.
func (m *Scaled) reserve(n int) error {
	if n <= m.rows {
		return nil
	}
	m.release()
	for _, d := range []int{engine.CoefCount, m.Dim(), m.Dim(), m.Dim()} {
		b, err := m.e.Alloc(m.t, 1, n, d)
		if err != nil {
			return fmt.Errorf("bound: scores of %d rows: %w", n, err)
		}
		m.bufs = append(m.bufs, b)
	}
	m.rows, m.coef = n, make([]float64, n*engine.CoefCount)
	return nil
}
