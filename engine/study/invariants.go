package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gorgonia.org/tensor"
)

// invariantCase is E17: what every encoder keeps, whatever its law. Moving or turning the law moves or turns
// its arguments and latents; blocks of a product do not see each other; the flow from a later time goes on;
// decoding undoes encoding; and E(X) is N(0, I).
func invariantCase(t *trial) error {
	big, err := dist.RandomMixture(4, of(t, 16, 64), 1+t.s.Seed)
	if err != nil {
		return err
	}
	laws := []struct {
		name string
		law  *dist.Mixture
	}{{"G1", dist.G1()}, {"G2", dist.G2()}, {fmt.Sprintf("mixture d=%d", big.Dim()), big}}
	for i, l := range laws {
		for _, f := range []func(string, *dist.Mixture) error{t.roundTrip, t.moved, t.turned, t.blocks, t.semigroup, t.moments} {
			if err := f(l.name, l.law); err != nil {
				return err
			}
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

// invariantTol is the flow's tolerance in the comparisons of E17: they hold to a multiple of it.
const invariantTol = 1e-11

func invariantFlow() flow.Settings { return flow.Settings{Rtol: invariantTol, Atol: invariantTol} }

// roundTrip decodes what it encoded. The decoder's error is the encoder's times |J^-1|, and its own.
func (t *trial) roundTrip(name string, law *dist.Mixture) error {
	x := t.sample(law, 8)
	s := invariantFlow()
	s.Jacobian = true
	r, err := t.encode(law, x, s)
	if err != nil {
		return err
	}
	back, err := t.decode(law, r.X, invariantFlow())
	if err != nil {
		return err
	}
	d, cond := law.Dim(), 0.0
	for i := range 8 {
		var svd mat.SVD
		if !svd.Factorize(mat.NewDense(d, d, cells(r.Jacobian)[i*d*d:(i+1)*d*d]), mat.SVDNone) {
			return fmt.Errorf("study: no singular values of a Jacobian")
		}
		cond = math.Max(cond, svd.Cond())
	}
	// Tens of steps a way, each within the tolerance, expanded by at most the condition of J.
	t.zero(name+" round trip", farthest(numbers(back.X), numbers(x)), 100*cond*t.within(invariantTol, 1), "largest condition of J %.3g", cond)
	return nil
}

func (t *trial) moved(name string, law *dist.Mixture) error {
	var w []float64
	var means [][]float64
	var covs []*dist.Covariance
	shift := func(i int) float64 { return 3 * math.Cos(float64(1+i)) }
	for k := range law.Components() {
		weight, mean, cov := law.Component(k)
		m := make([]float64, len(mean))
		for i, v := range mean {
			m[i] = v + shift(i)
		}
		w, means, covs = append(w, weight), append(means, m), append(covs, cov)
	}
	other, err := dist.NewMixture(w, means, covs)
	if err != nil {
		return err
	}
	x := t.sample(law, 8)
	y := eachRow(x, func(dst, row []float64) {
		for i, v := range row {
			dst[i] = v + shift(i)
		}
	})
	return t.same(name+" translation", law, x, other, engine.Points(y, 8, law.Dim()), nil)
}

func (t *trial) turned(name string, law *dist.Mixture) error {
	q := reflections(law.Dim(), 7)
	other, err := dist.NewRotation(law, q.matrix())
	if err != nil {
		return err
	}
	x := t.sample(law, 8)
	turn := func(dst, row []float64) {
		copy(dst, row)
		q.apply(dst)
	}
	return t.same(name+" rotation", law, x, other, engine.Points(eachRow(x, turn), 8, law.Dim()), turn)
}

// same compares the encoder of a law at x, after f, with that of another at y.
func (t *trial) same(name string, law dist.Distribution, x *tensor.Dense, other dist.Distribution, y *tensor.Dense, f func(dst, row []float64)) error {
	a, err := t.encode(law, x, invariantFlow())
	if err != nil {
		return err
	}
	b, err := t.encode(other, y, invariantFlow())
	if err != nil {
		return err
	}
	want := numbers(a.X)
	if f != nil {
		want = eachRow(a.X, f)
	}
	// Both are within some tens of tolerances, expanded by 1/sqrt(.05) at most.
	t.zero(name, farthest(numbers(b.X), want), t.within(1e-8, 1000))
	return nil
}

func (t *trial) blocks(name string, law *dist.Mixture) error {
	const m = 3
	other, err := dist.NewCopies(law, m)
	if err != nil {
		return err
	}
	x := t.sample(law, 4*m)
	a, err := t.encode(law, x, invariantFlow())
	if err != nil {
		return err
	}
	b, err := t.encode(other, engine.Points(numbers(x), 4, m*law.Dim()), invariantFlow())
	if err != nil {
		return err
	}
	// As above; the blocks share their steps, and three share one tolerance.
	t.zero(name+" blocks of a product", farthest(numbers(b.X), numbers(a.X)), t.within(1e-8, 1000))
	return nil
}

// semigroup diffuses the law itself to tau and goes on from there: E_{mu_tau}(E(tau, x)) = E_mu(x).
func (t *trial) semigroup(name string, law *dist.Mixture) error {
	const tau = .4
	a := math.Exp(-tau)
	var w []float64
	var means [][]float64
	var covs []*dist.Covariance
	d := law.Dim()
	for k := range law.Components() {
		weight, mean, cov := law.Component(k)
		m := make([]float64, d)
		full := mat.NewSymDense(d, nil)
		e := make([]float64, d)
		for i, v := range mean {
			m[i] = a * v
			clear(e)
			e[i] = 1
			cov.Apply(e, e, func(l float64) float64 { return a*a*l - math.Expm1(-2*tau) })
			for j := range i + 1 {
				full.SetSym(i, j, e[j])
			}
		}
		c, err := dist.Full(full)
		if err != nil {
			return err
		}
		w, means, covs = append(w, weight), append(means, m), append(covs, c)
	}
	later, err := dist.NewMixture(w, means, covs)
	if err != nil {
		return err
	}
	x := t.sample(law, 8)
	s := invariantFlow()
	s.Tau = tau
	half, err := t.encode(law, x, s)
	if err != nil {
		return err
	}
	return t.same(name+" semigroup", law, x, later, half.X, nil)
}

// moments compares the mean and the covariance of E(X) with 0 and I.
func (t *trial) moments(name string, law *dist.Mixture) error {
	n := of(t, 2000, 20000)
	r, err := t.encode(law, t.sample(law, n), flow.Settings{Rtol: 1e-6, Atol: 1e-6})
	if err != nil {
		return err
	}
	d := law.Dim()
	z := mat.NewDense(n, d, numbers(r.X))
	var mean, spread float64
	var c mat.SymDense
	stat.CovarianceMatrix(&c, z, nil)
	for i := range d {
		mean = math.Max(mean, math.Abs(stat.Mean(mat.Col(nil, i, z), nil)))
		for j := range i + 1 {
			want, scale := 0.0, 1.0
			if i == j {
				want, scale = 1, math.Sqrt2
			}
			spread = math.Max(spread, math.Abs(c.At(i, j)-want)/scale)
		}
	}
	// Standard errors 1/sqrt n, and sqrt(2/n) on the diagonal; the largest of d (d + 1)/2 stays below 5.5
	// of them in 9999 of 10000 draws up to d = 64.
	limit := 5.5 / math.Sqrt(float64(n))
	t.zero(name+" mean of E(X)", mean, limit, "largest of %d, n = %d", d, n)
	t.zero(name+" covariance of E(X) less I", spread, limit, "largest of %d, n = %d", d*(d+1)/2, n)
	return nil
}
