package enginetest

import (
	"fmt"
	"testing"

	"monge/engine"
)

// recorder keeps everything that is read from an engine.
type recorder struct {
	engine.Engine
	reads [][]float64
}

func (r *recorder) Read(dst []float64, src engine.Buffer, off int) error {
	err := r.Engine.Read(dst, src, off)
	r.reads = append(r.reads, append([]float64{}, dst...))
	return err
}

// RunSame runs every case on two engines and demands that all that is read from them is bitwise equal:
// for engines that differ in their degree of parallelism alone.
func RunSame(t *testing.T, a, b engine.Engine) {
	for _, c := range Cases() {
		t.Run(c.String(), func(t *testing.T) {
			if err := c.same(a, b); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c Case) same(a, b engine.Engine) error {
	ra, rb := &recorder{Engine: a}, &recorder{Engine: b}
	if err := c.Run(ra); err != nil {
		return err
	}
	if err := c.Run(rb); err != nil {
		return err
	}
	for i, x := range ra.reads {
		if err := same("number", rb.reads[i], x); err != nil {
			return fmt.Errorf("read %d: %w", i, err)
		}
	}
	return nil
}
