package study

import (
	"fmt"
	"math"

	"monge/engine/bound"
	"monge/engine/dist"
)

// boundTrainCase is B04, Kwon, Fan and Lee's experiment: a network is trained from bad to good, its loss first maximised,
// and at every stop the loss and the sliced distance between data and samples make a point of the plane of their
// logarithms. Each lies below the line of slope 1/2 whose intercept comes from the network's own L_s.
func boundTrainCase(t *trial) error {
	p, err := sigmoidSteps(10)
	if err != nil {
		return err
	}
	gaussian, err := centred(repeat(.1, 2))
	if err != nil {
		return err
	}
	moons, err := dist.Moons(256, .05)
	if err != nil {
		return err
	}
	clusters, err := dist.Clusters(.0125)
	if err != nil {
		return err
	}
	laws := []namedLaw{{"Gaussian", gaussian}, {"moons", moons}, {"clusters", clusters}}
	laws = of(t, laws[:1], laws)
	for i, l := range laws {
		if err := t.trained(p, l); err != nil {
			return err
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) trained(p *bound.Process, l namedLaw) error {
	s := bound.TrainSettings{Rows: of(t, 2048, 8192), Epochs: of(t, 30, 100), Ascend: 10, Every: 2, Seed: 1 + t.s.Seed}
	var x, y, line []float64
	var last *bound.Result
	above := 0
	_, err := bound.Train(t.ctx, p, l.law, s, func(_, _ int, n *bound.Network) error {
		m, err := n.Model(p)
		if err != nil {
			return err
		}
		r, err := bound.Estimate(t.ctx, t.e, p, l.law, bound.Settings{
			Model: m, Marginal: true, Lipschitz: bound.ByPower, Samples: 1024, Clouds: 256, Seed: t.s.Seed, Dtype: t.s.Dtype,
		})
		if err != nil {
			return err
		}
		// The loss of noise prediction, a mean over the two coordinates, as the paper plots it.
		loss := math.Log(r.JDSM / float64(r.Dim))
		x, y = append(x, loss), append(y, math.Log(r.Clouds.Sliced))
		line = append(line, loss/2+r.SDE.LogIntercept)
		if y[len(y)-1] > line[len(line)-1] {
			above++
		}
		last = r
		return nil
	})
	if err != nil {
		return err
	}
	t.zero(l.name+": points above their line", float64(above), 0, "of %d; the last has loss %.4g, sliced distance %.3g, log intercept %.4g", len(x), last.JDSM/float64(last.Dim), last.Clouds.Sliced, last.SDE.LogIntercept)
	// Training moved: the last loss is below the largest by a factor.
	t.zero(l.name+": last loss / largest loss", math.Exp(x[len(x)-1]-maximum(x)), .5)
	if l.name == "Gaussian" {
		t.row("Gaussian: log loss against the floor", .95973, x[len(x)-1], .1, "no network is below; one in training some hundredths above")
	}
	t.figure(Figure{Title: fmt.Sprintf("%s: distance against loss while a network trains", l.name), X: "log of the loss", Y: "log of W2", Curves: []Curve{
		{Name: "sliced distance", X: x, Y: y}, {Name: "slope 1/2, the network's own L_s", X: x, Y: line, Dashed: true},
	}})
	return nil
}

func maximum(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = math.Max(most, v)
	}
	return most
}
