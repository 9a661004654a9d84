package cpu

import "monge/engine"

// Log implements engine.Engine.
func (e *Engine) Log(out, x engine.Buffer) error {
	if err := engine.CheckLog(out, x); err != nil {
		return err
	}
	if err := own(out, x); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		logs[float32](e, out, x)
	} else {
		logs[float64](e, out, x)
	}
	return nil
}

type logTask[T float] struct{ out, x []T }

func logs[T float](e *Engine, out, x engine.Buffer) {
	p := &kernelsOf[T](e).log
	*p = logTask[T]{data[T](out), data[T](x)}
	n := len(p.out)
	e.run(p, (n+segment-1)/segment, 10*float64(n))
	*p = logTask[T]{}
}

func (p *logTask[T]) do(_ *worker, item int) {
	for i := item * segment; i < min((item+1)*segment, len(p.out)); i++ {
		p.out[i] = T(engine.Ln(float64(p.x[i])))
	}
}
