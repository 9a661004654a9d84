package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gorgonia.org/tensor"
)

// orderCase is E19: the error of a method of order p falls like the p-th power of the step, and what precision
// costs in evaluations.
func orderCase(t *trial) error {
	laws := []namedLaw{{"G1", dist.G1()}}
	for _, d := range of(t, []int{16}, []int{64, 3072}) {
		law, err := dist.NewCopies(dist.G1(), d/2)
		if d == 64 {
			law, err = dist.RandomMixture(4, d, 1+t.s.Seed)
		}
		if err != nil {
			return err
		}
		laws = append(laws, namedLaw{fmt.Sprintf("d=%d", d), law})
	}
	for i, l := range laws {
		if err := t.orders(l.name, l.law); err != nil {
			return err
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

// fixedMethod is a method with equal steps: its order, and the steps where it is in its asymptotic range and
// still above roundoff.
type fixedMethod struct {
	name         string
	order, steps int
}

func fixedMethods() []fixedMethod {
	return []fixedMethod{{"euler", 1, 160}, {"heun", 2, 160}, {"rk4", 4, 80}, {"dopri5", 5, 48}, {"dpm1", 1, 160}, {"dpm2", 2, 160}, {"dpm3", 3, 160}}
}

func (t *trial) orders(name string, law dist.Distribution) error {
	x := t.sample(law, 32)
	ref, err := t.encode(law, x, flow.Settings{Rtol: 1e-13, Atol: 1e-13})
	if err != nil {
		return err
	}
	fig := Figure{Title: "work and precision, " + name, X: "velocity evaluations a sample", Y: "root mean square error", LogX: true, LogY: true}
	for _, m := range fixedMethods() {
		var steps, errs, work []float64
		for k := m.steps / 8; k <= m.steps; k *= 2 {
			w, e, err := t.precision(law, x, ref.X, flow.Settings{Method: m.name, Steps: k})
			if err != nil {
				return err
			}
			steps, errs, work = append(steps, 1/float64(k)), append(errs, e), append(work, w)
		}
		fig.Curves = append(fig.Curves, Curve{Name: m.name, X: work, Y: errs})
		// A measured slope is off by the next order's term, relative size one step's: a tenth or two.
		// In float32 only the errors of low orders stand above roundoff.
		if t.s.Dtype == engine.F64 || m.order == 1 {
			want, tol := float64(m.order), .35
			if m.name == "dopri5" {
				// Its principal error is small by design: the next order shows at all errors above roundoff.
				want, tol = want+.5, 1
			}
			t.row(fmt.Sprintf("%s order of %s", name, m.name), want, slope(steps[2:], errs[2:]), tol, "errors %.2g, %.2g", errs[2], errs[3])
		}
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	least := t.within(1e-10, 1e-4/3.8e-6)
	for _, m := range []string{"adams", "dopri5", "heun"} {
		var errs, work []float64
		for tol := 1e-2; tol >= least && (m != "heun" || tol > 1e-6); tol /= 10 {
			w, e, err := t.precision(law, x, ref.X, flow.Settings{Method: m, Rtol: tol, Atol: tol})
			if err != nil {
				return err
			}
			errs, work = append(errs, e), append(work, w)
		}
		fig.Curves = append(fig.Curves, Curve{Name: m + ", adaptive", X: work, Y: errs})
	}
	t.figure(fig)
	return nil
}

// precision returns the evaluations a sample and the root mean square error of a flow.
func (t *trial) precision(law dist.Distribution, x, ref *tensor.Dense, s flow.Settings) (work, rms float64, err error) {
	r, err := t.encode(law, x, s)
	if err != nil {
		return 0, 0, err
	}
	square, _ := meanSquare(numbers(r.X), numbers(ref), x.Shape()[1])
	return r.Stats.NFEMean, math.Sqrt(square / float64(x.Shape()[1])), nil
}
