package study

import (
	"fmt"

	"monge/engine"
	"monge/engine/dist"
)

// goldenValue is the encoder at a point of the plane, computed by another integrator (DOP853 at a relative
// tolerance of 2e-13 on a finite interval, so without truncation in tau), to the digits given.
type goldenValue struct {
	name string
	law  dist.Distribution
	x    [2]float64
	e    [2]float64
	j    [4]float64 // row-major
	logp float64
}

func goldenValues() []goldenValue {
	return []goldenValue{
		{"G1 (.5,-.3)", dist.G1(), [2]float64{.5, -.3}, [2]float64{.028929882107, -.087912462127},
			[4]float64{.225438434546, .039898554591, .089012954977, 1.379692270673}, -3.021491484577},
		{"G1 (1,.8)", dist.G1(), [2]float64{1, .8}, [2]float64{.204771287955, 1.411526365278},
			[4]float64{.116266964868, .120353689107, .496597428844, 1.080900964359}, -5.574575757506},
		{"G2 (.5,-.3)", dist.G2(), [2]float64{.5, -.3}, [2]float64{.350411230366, -1.473510373180},
			[4]float64{.252811881768, .095721563682, .014978810279, 4.162303409266}, -2.935291973415},
		{"G2 (1,.8)", dist.G2(), [2]float64{1, .8}, [2]float64{.481135848447, .216304590432},
			[4]float64{.006483367449, .041777924314, -.026337979779, .26383425986}, -7.851274228363},
		{"G5 (1,.8)", dist.G5(), [2]float64{1, .8}, [2]float64{.090283726033, .993825161067},
			[4]float64{.63934401768, -1.261466821244, -1.261466821244, 2.531544249546}, -5.939264777741},
	}
}

// goldenCase is E06: the encoder, its Jacobian and the log density at single points, to ten digits.
func goldenCase(t *trial) error {
	values := goldenValues()
	for i, v := range values {
		s := strict()
		s.Rtol, s.Atol = 1e-13, 1e-13
		s.Jacobian, s.LogP = true, true
		x := engine.Points(v.x[:], 1, 2)
		r, err := t.encode(v.law, x, s)
		if err != nil {
			return err
		}
		// The values' twelve digits, less what the two integrators' tolerances leave; they are of order 1.
		const digits = 1e-10
		for k, e := range v.e {
			t.row(fmt.Sprintf("%s E%d", v.name, k+1), e, numbers(r.X)[k], t.within(digits, 1000))
		}
		for k, j := range v.j {
			t.row(fmt.Sprintf("%s J%d%d", v.name, k/2+1, k%2+1), j, cells(r.Jacobian)[k], t.within(digits, 1e4))
		}
		t.row(v.name+" log p", v.logp, r.LogP[0], t.within(digits, 1e4))
		if err := t.done(i+1, len(values)); err != nil {
			return err
		}
	}
	s := strict()
	s.Tau = 5
	r, err := t.encode(dist.G1(), engine.Points([]float64{1, .8}, 1, 2), s)
	if err != nil {
		return err
	}
	for k, e := range []float64{.204792239296, 1.411512203623} {
		t.row(fmt.Sprintf("G1 (1,.8) tau=5 E%d", k+1), e, numbers(r.X)[k], t.within(1e-10, 1000))
	}
	return nil
}
