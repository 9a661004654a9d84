package ot_test

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// At small eps, where the plan is sparse, Newton's steps take over: iterations grow slowly as eps falls, and the
// potentials are those that plain iterations come to.
func TestSinkhornNewton(t *testing.T) {
	const n, m, d = 130, 110, 8
	x, y, a, b := uneven(n, m, d, 0)
	b[5] = 1e-4 // the marginals' tolerance holds no potential of a smaller weight
	a[6] = 1e-4
	for _, c := range []struct {
		eps   float64
		dtype engine.Dtype
		most  int // iterations: about twice what they were found to be
	}{{.01, engine.F64, 160}, {.003, engine.F64, 480}, {.001, engine.F64, 900}, {.003, engine.F32, 480}} {
		s := ot.SinkhornSettings{EpsRel: c.eps, Tol: 1e-10, MaxIter: 5000, Dtype: c.dtype}
		r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, a, b, d), &s)
		if err != nil {
			t.Fatal(err)
		}
		s.Tol, s.MaxIter, s.Dtype, s.G0 = -1, 1000, engine.F64, r.G
		plain, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, a, b, d), &s)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v: %d iterations, error %.2g; %s", c, r.Iterations, r.MarginalError, r.Note)
		if r.Status != ot.Converged || !(r.MarginalError <= 1e-10) || r.Iterations > c.most {
			t.Errorf("%+v: %s after %d iterations, error %g", c, r.Status, r.Iterations, r.MarginalError)
		}
		// Plain iterations have a fixed point there: weights of 1e-4 / 300 and errors of 1e-10 leave 3e-4 of eps.
		for j, g := range plain.G {
			if math.Abs(g-r.G[j]) > 1e-3*r.Eps {
				t.Errorf("%+v: G[%d] = %g, after 1000 plain iterations more %g", c, j, r.G[j], g)
				break
			}
		}
		if !(math.Abs(plain.Dual-r.Dual) <= 1e-9*r.Cost) {
			t.Errorf("%+v: dual %.15g, after 1000 plain iterations more %.15g", c, r.Dual, plain.Dual)
		}
	}
}
