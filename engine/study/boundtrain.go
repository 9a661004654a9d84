package study

import (
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
	_, stops, last, err := bound.Trace(t.ctx, t.e, p, l.law, s, bound.Settings{
		Marginal: true, Lipschitz: bound.ByPower, Samples: 1024, Clouds: 256, Seed: t.s.Seed, Dtype: t.s.Dtype,
	}, nil)
	if err != nil {
		return err
	}
	f := TrainingFigure(l.name+": distance against loss while a network trains", stops)
	x := f.Curves[0].X
	above := 0
	for _, s := range stops {
		if s.Distance > s.Line {
			above++
		}
	}
	t.zero(l.name+": points above their line", float64(above), 0, "of %d; the last has loss %.4g, sliced distance %.3g, log intercept %.4g, which grows with the training towards the data's own (the paper's longer one on the clusters came to 5.2)", len(x), last.JDSM/float64(last.Dim), last.Clouds.Sliced, last.SDE.LogIntercept)
	// Training moved: the last loss is below the largest by a factor.
	t.zero(l.name+": last loss / largest loss", math.Exp(x[len(x)-1]-maximum(x)), .5)
	if l.name == "Gaussian" {
		t.row("Gaussian: log loss against the floor", .95973, x[len(x)-1], .1, "no network is below; one in training some hundredths above")
	}
	t.figure(f)
	return nil
}

// TrainingFigure plots the stops of a network in training below their line.
func TrainingFigure(title string, stops []bound.Stop) Figure {
	points, line := Curve{Name: "sliced distance"}, Curve{Name: "slope 1/2, the network's own L_s", Dashed: true}
	for _, s := range stops {
		points.X, points.Y = append(points.X, s.Loss), append(points.Y, s.Distance)
		line.X, line.Y = append(line.X, s.Loss), append(line.Y, s.Line)
	}
	return Figure{Title: title, X: "log of the loss", Y: "log of W2", Curves: []Curve{points, line}}
}

func maximum(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = math.Max(most, v)
	}
	return most
}
