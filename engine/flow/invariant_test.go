package flow

import (
	"math"
	"testing"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/schedule"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// drawn returns a random mixture in two dimensions from means, standard deviations and a tilt.
func drawn(rt *rapid.T) (w []float64, means [][]float64, covs []*mat.SymDense) {
	k := rapid.IntRange(1, 4).Draw(rt, "components")
	num := rapid.Float64Range(-2, 2)
	for range k {
		w = append(w, rapid.Float64Range(.1, 1).Draw(rt, "weight"))
		means = append(means, []float64{num.Draw(rt, "m1"), num.Draw(rt, "m2")})
		s1, s2 := rapid.Float64Range(.2, 1.5).Draw(rt, "s1"), rapid.Float64Range(.2, 1.5).Draw(rt, "s2")
		sin, cos := math.Sincos(rapid.Float64Range(0, 3).Draw(rt, "tilt"))
		a, b := s1*s1, s2*s2
		covs = append(covs, mat.NewSymDense(2, []float64{
			a*cos*cos + b*sin*sin, (a - b) * sin * cos, (a - b) * sin * cos, a*sin*sin + b*cos*cos}))
	}
	return w, means, covs
}

func build(t rapid.TB, w []float64, means [][]float64, covs []*mat.SymDense) *dist.Mixture {
	t.Helper()
	cs := make([]*dist.Covariance, len(covs))
	for i, c := range covs {
		var err error
		if cs[i], err = dist.Full(c); err != nil {
			t.Fatal(err)
		}
	}
	law, err := dist.NewMixture(w, means, cs)
	if err != nil {
		t.Fatal(err)
	}
	return law
}

// TestInvariants checks translation, rotation, the round trip, the semigroup and the two Jacobians' product
// on random mixtures. Tolerances are 1e-10 a step, of a hundred steps; what an error grows by on the way, however unlikely
// the point between two components, is taken from the Jacobians, and its square for derivatives.
func TestInvariants(t *testing.T) {
	set := Settings{Rtol: 1e-10, Atol: 1e-10}
	rapid.Check(t, func(rt *rapid.T) {
		w, means, covs := drawn(rt)
		law := build(rt, w, means, covs)
		const n, within = 4, 1e-7
		x := law.Sample(rapid.Uint64Range(0, 1e6).Draw(rt, "seed"), n)
		s := set
		s.Jacobian, s.LogP = true, true
		r := encode(t, law, x, s)
		growth := make([]float64, n)
		for i := range growth {
			j := mat.NewDense(2, 2, floats(r.Jacobian)[4*i:4*i+4])
			var inverse mat.Dense
			if err := inverse.Inverse(j); err != nil && math.IsInf(mat.Cond(j, 2), 1) {
				rt.Fatal(err)
			}
			growth[i] = math.Max(1, math.Max(mat.Norm(j, 2), mat.Norm(&inverse, 2)))
		}
		off := func(a, b []float64, power float64) (most float64) { // of numbers of n rows
			for k, v := range a {
				most = math.Max(most, math.Abs(v-b[k])/math.Pow(growth[k*n/len(a)], power))
			}
			return most
		}

		shift := []float64{rapid.Float64Range(-5, 5).Draw(rt, "c1"), .7}
		moved, mm := append([]float64(nil), floats(x)...), make([][]float64, len(means))
		for i := range moved {
			moved[i] += shift[i%2]
		}
		for k, m := range means {
			mm[k] = []float64{m[0] + shift[0], m[1] + shift[1]}
		}
		tr := encode(t, build(rt, w, mm, covs), engine.Points(moved, n, 2), set)
		if e := off(floats(tr.X), floats(r.X), 1); !(e <= within) {
			rt.Errorf("translation changes the encoder by %g", e)
		}

		q := rotation(2, 9)
		rm, rc := make([][]float64, len(means)), make([]*mat.SymDense, len(covs))
		for k := range means {
			v := mat.NewVecDense(2, nil)
			v.MulVec(q, mat.NewVecDense(2, means[k]))
			rm[k] = v.RawVector().Data
			var c mat.Dense
			c.Product(q, covs[k], q.T())
			rc[k] = mat.NewSymDense(2, []float64{c.At(0, 0), c.At(0, 1), c.At(0, 1), c.At(1, 1)})
		}
		rot := encode(t, build(rt, w, rm, rc), turn(x, q), set)
		if e := off(floats(rot.X), floats(turn(r.X, q)), 1); !(e <= within) {
			rt.Errorf("rotation changes the encoder by %g", e)
		}

		back := decode(t, law, r.X, s)
		if e := off(floats(back.X), floats(x), 1); !(e <= within) {
			rt.Errorf("decode(encode(x)) is off by %g", e)
		}
		if e := off(back.LogP, r.LogP, 2); !(e <= 100*within) { // the density is as steep as 1/.2^2
			rt.Errorf("log densities of encode and decode differ by %g", e)
		}
		for i := range n {
			a := mat.NewDense(2, 2, floats(r.Jacobian)[4*i:4*i+4])
			b := mat.NewDense(2, 2, floats(back.Jacobian)[4*i:4*i+4])
			var p mat.Dense
			p.Mul(a, b)
			p.Sub(&p, mat.NewDiagDense(2, []float64{1, 1}))
			if e := mat.Norm(&p, 2); !(e <= 100*within*growth[i]*growth[i]) {
				rt.Errorf("the Jacobians' product is off the identity by %g", e)
			}
		}

		// E_mu = E_{mu_tau}(E(tau, x)), with mu_tau the mixture of the diffused components.
		const tau = .4
		alpha := math.Exp(-tau)
		half := set
		half.Tau = tau
		mid := encode(t, law, x, half)
		dm, dc := make([][]float64, len(means)), make([]*mat.SymDense, len(covs))
		for k := range means {
			dm[k] = []float64{alpha * means[k][0], alpha * means[k][1]}
			dc[k] = mat.NewSymDense(2, nil)
			for i := range 2 {
				for j := i; j < 2; j++ {
					v := alpha * alpha * covs[k].At(i, j)
					if i == j {
						v += 1 - alpha*alpha
					}
					dc[k].SetSym(i, j, v)
				}
			}
		}
		end := encode(t, build(rt, w, dm, dc), mid.X, set)
		if e := off(floats(end.X), floats(r.X), 1); !(e <= within) {
			rt.Errorf("the semigroup is off by %g", e)
		}
	})
}

// TestSchedules reaches the limit map, and a finite horizon, along every path by every adaptive method.
func TestSchedules(t *testing.T) {
	law := dist.G2()
	x := law.Sample(3, 6)
	for _, tau := range []float64{0, .7} {
		ref := encode(t, law, x, Settings{Rtol: 1e-12, Atol: 1e-12, Tau: tau, Jacobian: true, LogP: true})
		for _, name := range schedule.Names() {
			for _, method := range []string{"adams", "dopri5"} {
				s := Settings{Method: method, Path: path(t, name), Rtol: 1e-10, Atol: 1e-10, Tau: tau, Jacobian: true, LogP: true}
				r := encode(t, law, x, s)
				// Standard deviations of .22 expand errors of 1e-10 a step, and squared for the density.
				if e := worst(t, floats(r.X), floats(ref.X)); e > 2e-8 {
					t.Errorf("%s %s tau=%g: error %g", name, method, tau, e)
				}
				if e := worst(t, floats(r.Jacobian), floats(ref.Jacobian)); e > 2e-7 {
					t.Errorf("%s %s tau=%g: Jacobian's error %g", name, method, tau, e)
				}
				if e := worst(t, r.LogP, ref.LogP); e > 2e-7 {
					t.Errorf("%s %s tau=%g: log density's error %g", name, method, tau, e)
				}
				s.Jacobian, s.LogP = false, false
				if e := worst(t, floats(decode(t, law, r.X, s).X), floats(x)); e > 2e-8 {
					t.Errorf("%s %s tau=%g: round trip off by %g", name, method, tau, e)
				}
			}
		}
	}
}
