package bound

import (
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"

	"gonum.org/v1/gonum/integrate/quad"
)

// TestAlekseevGroebner integrates Phi_{t->0} (g^2/2) (grad log p_t - s_theta)(x_t) along the flow, Phi by products with the
// model's Jacobian along its own trajectory from x_t, and finds the difference of the flow's and the model's points, by
// which Estimate takes the integral.
func TestAlekseevGroebner(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of trajectories")
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	law := dist.G1()
	exact, err := NewScaled(e, engine.F64, law, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer exact.Free()
	model := exact.times(.15)
	defer model.release()
	p, err := Linear(.1, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi := p.span()
	rate := func(u float64) (Time, float64) {
		at := p.at(u)
		return at, (hi - lo) * math.Exp(lo+u*(hi-lo)) / 2 * at.Alpha * at.Alpha
	}
	const n, d, steps = 5, 2, 400
	// down runs the points of z = [x | v] along a model's flow from u to 0, and directions v with its Jacobian.
	down := func(m *Scaled, z []float64, u float64) {
		t.Helper()
		err := back(t.Context(), "rk4", z, u, 0, steps, func(dst, z []float64, u float64) error {
			at, c := rate(u)
			half := n * d
			if err := m.Scores(dst[:half], z[:half], at); err != nil {
				return err
			}
			if err := m.Symmetric(dst[half:], z[:half], z[half:], at); err != nil {
				return err
			}
			for i := range dst {
				dst[i] = -c * (z[i] + dst[i])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	start := []float64{.3, -1.2, 1.5, .4, -.2, .1, -2, .8, .05, 2}
	points := func(m *Scaled) []float64 {
		z := append(append([]float64(nil), start...), make([]float64, n*d)...)
		down(m, z, 1)
		return z[:n*d]
	}
	x0, y0 := points(exact), points(model)

	// Panels of Gauss-Legendre nodes in r, the flow's own points at each.
	const panels = 12
	u, w := make([]float64, 8*panels), make([]float64, 8*panels)
	for i := range panels {
		quad.Legendre{}.FixedLocations(u[8*i:8*i+8], w[8*i:8*i+8], float64(i)/panels, float64(i+1)/panels)
	}
	sum := make([]float64, n*d)
	for k := range u {
		x := append([]float64(nil), start...)
		err := back(t.Context(), "rk4", x, 1, u[k], steps, func(dst, x []float64, u float64) error {
			at, c := rate(u)
			if err := exact.Scores(dst, x, at); err != nil {
				return err
			}
			for i := range dst {
				dst[i] = -c * (x[i] + dst[i])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		at, c := rate(u[k])
		s, wrong := make([]float64, n*d), make([]float64, n*d)
		if err := exact.Scores(s, x, at); err != nil {
			t.Fatal(err)
		}
		if err := model.Scores(wrong, x, at); err != nil {
			t.Fatal(err)
		}
		z := append(append([]float64(nil), x...), make([]float64, n*d)...)
		for i := range s {
			z[n*d+i] = c * (s[i] - wrong[i])
		}
		down(model, z, u[k])
		for i := range sum {
			sum[i] += w[k] * z[n*d+i]
		}
	}
	for i := range sum {
		// Both are numbers of the order of .1, from steps of .07 in r of a method of order 4.
		if diff := x0[i] - y0[i]; math.Abs(diff-sum[i]) > 2e-6 || math.Abs(diff) < 1e-3 {
			t.Errorf("number %d: difference %v, integral %v", i, diff, sum[i])
		}
	}
}
