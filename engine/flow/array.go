package flow

import "monge/engine"

// array is an engine buffer whose first n rows are in use; it keeps the view of the last n, so that
// steps without a change of n make no garbage.
type array struct {
	base engine.Buffer
	k, d int // shape [n, k, d]; k = 0 means [1, n, d]
	n    int
	view engine.Buffer
}

// rows returns the first n rows, nil where the array was never made.
func (a *array) rows(n int) engine.Buffer {
	if a.base == nil {
		return nil
	}
	if a.view == nil || a.n != n {
		if a.k == 0 {
			a.view = a.base.View(0, 1, n, a.d)
		} else {
			a.view = a.base.View(0, n, a.k, a.d)
		}
		a.n = n
	}
	return a.view
}

// arena allocates arrays and frees them together.
type arena struct {
	e    engine.Engine
	made []engine.Buffer
	err  error
}

func (m *arena) alloc(t engine.Dtype, n, k, d int) array {
	if m.err != nil {
		return array{}
	}
	b, r := 1, n
	if k > 0 {
		b, r = n, k
	}
	buf, err := m.e.Alloc(t, b, r, d)
	if err != nil {
		m.err = err
		return array{}
	}
	m.made = append(m.made, buf)
	return array{base: buf, k: k, d: d}
}

func (m *arena) free() {
	for _, b := range m.made {
		b.Free()
	}
	m.made = nil
}

// staging is a host array of per-row numbers beside its copy on the engine.
type staging struct {
	array
	host []float64
	per  int
}

func (m *arena) stage(t engine.Dtype, n, k, d int) staging {
	a := m.alloc(t, n, k, d)
	per := d * max(k, 1)
	return staging{array: a, host: make([]float64, n*per), per: per}
}

// row returns the numbers of row i.
func (s *staging) row(i int) []float64 { return s.host[i*s.per : (i+1)*s.per] }

// push writes the first n rows to the engine and returns them.
func (s *staging) push(e engine.Engine, n int) (engine.Buffer, error) {
	if err := e.Write(s.base, 0, s.host[:n*s.per]); err != nil {
		return nil, err
	}
	return s.rows(n), nil
}

// pull reads the first n rows from the engine.
func (s *staging) pull(e engine.Engine, n int) error {
	return e.Read(s.host[:n*s.per], s.base, 0)
}
