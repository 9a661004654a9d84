package bound

import (
	"context"
	"math"

	"monge/engine"
	"monge/engine/dist"
)

// Stop is a point of the plane in which Kwon, Fan and Lee plot a model in training: the logarithm of its loss of noise
// prediction against that of the sliced distance between data and samples, beside the line of slope 1/2 that the theorem
// puts above it.
type Stop struct {
	Epoch    int
	Loss     float64 // ln(J_DSM/d), a mean over the coordinates as in the paper
	Distance float64 // ln of the sliced distance of two clouds
	Line     float64 // Loss/2 + log intercept of the reverse equation, from the network's own L_s
}

// Trace is Train with an Estimate of the network every s.Every epochs and after the last, whose Settings but Model are
// given; analytic Lipschitz constants are not for networks. It returns the network, the stops and the last estimate.
func Trace(ctx context.Context, e engine.Engine, p *Process, law dist.Distribution, t TrainSettings, s Settings, progress func(epoch, epochs int)) (*Network, []Stop, *Result, error) {
	var stops []Stop
	var last *Result
	n, err := Train(ctx, p, law, t, func(epoch, epochs int, n *Network) error {
		var err error
		if s.Model, err = n.Model(p); err != nil {
			return err
		}
		if last, err = Estimate(ctx, e, p, law, s); err != nil {
			return err
		}
		loss := math.Log(last.JDSM / float64(last.Dim))
		stops = append(stops, Stop{Epoch: epoch, Loss: loss, Distance: math.Log(last.Clouds.Sliced), Line: loss/2 + last.SDE.LogIntercept})
		if progress != nil {
			progress(epoch, epochs)
		}
		return nil
	})
	return n, stops, last, err
}
