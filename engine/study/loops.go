package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
)

// loopCase is E12: K points on an ellipse adapted to the symmetric part Js of the Jacobian, each paired with its
// successor's latent, cost less than with their own exactly when tan(pi/K) < |c|/(2 sqrt(det Js)), c = J21 - J12,
// that is K > 2 pi sqrt(det Js)/|c| for small c. Such a loop proves that the encoder is not optimal, at any d.
func loopCase(t *trial) error {
	cross, err := crossed()
	if err != nil {
		return err
	}
	places := []struct {
		namedLaw
		at [2]float64
	}{
		{namedLaw{"G1 (.5,-.3)", dist.G1()}, [2]float64{.5, -.3}},
		{namedLaw{"G1 (1,.8)", dist.G1()}, [2]float64{1, .8}},
		{namedLaw{"G2 (.5,-.3)", dist.G2()}, [2]float64{.5, -.3}},
		{namedLaw{"crossed (.8,.3)", cross}, [2]float64{.8, .3}},
	}
	fig := Figure{Title: "what a loop of K points gains", X: "K", Y: "relative change of its cost, over its largest gain", LogX: true}
	for i, p := range places {
		if err := t.loop(p.name, p.law, p.at, &fig); err != nil {
			return err
		}
		if err := t.done(i+1, len(places)+1); err != nil {
			return err
		}
	}
	t.figure(fig)
	for _, d := range of(t, []int{8, 32}, []int{8, 64, 512}) {
		if err := t.loopOfCopies(d); err != nil {
			return err
		}
	}
	return t.noLoops()
}

// loopFlow is strict enough for a gain of 1e-6 of the cost to stand out.
func loopFlow() flow.Settings { return flow.Settings{Rtol: 1e-12, Atol: 1e-12} }

func (t *trial) loop(name string, law dist.Distribution, at [2]float64, fig *Figure) error {
	s := loopFlow()
	s.Jacobian = true
	r, err := flow.Encode(t.ctx, t.e, engine.F64, law, engine.Points(at[:], 1, 2), &s)
	if err != nil {
		return err
	}
	j := cells(r.Jacobian)
	skew := math.Abs(j[2] - j[1])
	off := (j[1] + j[2]) / 2
	root := math.Sqrt(j[0]*j[3] - off*off)
	threshold := math.Pi / math.Atan(skew/(2*root))
	// The radius bends the thresholds by its square.
	measure := func(k int) (*Loop, error) {
		return LoopCertificate(t.ctx, t.e, law, LoopSettings{At: at[:], Points: k, Radius: 2e-3, Flow: loopFlow()})
	}
	l, err := measure(4)
	if err != nil {
		return err
	}
	t.row(name+" threshold", threshold, l.Threshold, 1e-6*threshold, "2 pi sqrt(det Js)/|c| = %.4g", 2*math.Pi*root/skew)
	// The smallest K that gains, by bisection.
	lo, hi := 2, 4*int(math.Ceil(threshold))
	curve := Curve{Name: name}
	for hi-lo > 1 {
		k := (lo + hi) / 2
		if l, err = measure(k); err != nil {
			return err
		}
		if l.Change < 0 {
			hi = k
		} else {
			lo = k
		}
	}
	t.row(name+" fewest points that gain", math.Floor(threshold)+1, float64(hi), 1, "one more or less where the threshold is near a whole number")
	if fig == nil {
		return nil
	}
	for _, f := range []float64{.5, .7, .85, 1, 1.2, 1.5, 2, 3, 5} {
		if k := int(math.Round(f * threshold)); k > 2 {
			if l, err = measure(k); err != nil {
				return err
			}
			curve.X, curve.Y = append(curve.X, float64(k)), append(curve.Y, l.Change)
		}
	}
	gain := 0.0
	for _, c := range curve.Y {
		gain = math.Max(gain, -c)
	}
	for i := range curve.Y {
		curve.Y[i] = math.Min(curve.Y[i]/gain, 2)
	}
	fig.Curves = append(fig.Curves, curve)
	return nil
}

// loopOfCopies lays a loop around a point of copies of G1: the threshold of the block with the most curl.
func (t *trial) loopOfCopies(d int) error {
	law, err := dist.NewCopies(dist.G1(), d/2)
	if err != nil {
		return err
	}
	at := make([]float64, d)
	for i := range at {
		at[i] = []float64{.5, -.3}[i%2]
	}
	one, err := LoopCertificate(t.ctx, t.e, dist.G1(), LoopSettings{At: at[:2], Flow: loopFlow()})
	if err != nil {
		return err
	}
	l, err := LoopCertificate(t.ctx, t.e, law, LoopSettings{At: at, Flow: loopFlow()})
	if err != nil {
		return err
	}
	t.row(fmt.Sprintf("copies of G1, d=%d threshold", d), one.Threshold, l.Threshold, 1e-6*one.Threshold)
	t.row(fmt.Sprintf("copies of G1, d=%d loop that proves it", d), 1, indicator(l.NotOptimal), 0,
		"%d points change their cost by %.3g +- %.1g of it", l.Points, l.Change, l.Error)
	return t.ctx.Err()
}

// noLoops lays loops where the encoder is optimal: none gains.
func (t *trial) noLoops() error {
	gauss, err := dist.RandomGaussian(8, 1+t.s.Seed)
	if err != nil {
		return err
	}
	for _, l := range []namedLaw{{"G5", dist.G5()}, {"Gaussian d=8", gauss}} {
		at := numbers(l.law.Sample(t.s.Seed, 1))
		c, err := LoopCertificate(t.ctx, t.e, l.law, LoopSettings{At: at, Points: 50, Flow: loopFlow()})
		if err != nil {
			return err
		}
		// A symmetric Jacobian but for rounding has a threshold of 1e15 or none.
		t.zero(l.name+" inverse threshold", 1/c.Threshold, 1e-10)
		t.zero(l.name+" loop that gains", indicator(c.NotOptimal), 0)
	}
	return nil
}

// indicator is 1 for what holds.
func indicator(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
