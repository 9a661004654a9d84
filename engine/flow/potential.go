package flow

import (
	"context"
	"fmt"

	"monge/engine"
	"monge/engine/dist"

	"gonum.org/v1/gonum/integrate/quad"
	"gorgonia.org/tensor"
)

// defaultNodes is the number of Gauss-Legendre nodes of [Potential].
const defaultNodes = 16

// Potential returns the encoder's line integrals from the mean c of the points x [N, D],
//
//	u_i = int_0^1 <E(c + t (x_i - c)), x_i - c> dt,
//
// by Gauss-Legendre quadrature with the given number of nodes, 0 = 16: that many encodings of N
// points. Where the encoder E is the gradient of a convex function, u is that function at the points up to a
// constant, which proves the pairing (x, E(x)) optimal; where it is not, u depends on the paths. Settings
// and errors are those of [Encode]; Progress counts points of all nodes.
func Potential(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, nodes int, s *Settings) ([]float64, error) {
	if nodes == 0 {
		nodes = defaultNodes
	}
	if nodes < 0 {
		return nil, fmt.Errorf("flow: %d nodes: %w", nodes, ErrSettings)
	}
	points, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	var settings Settings
	if s != nil {
		settings = *s
	}
	settings.Tangents, settings.Jacobian, settings.LogP = nil, false, false
	mean := make([]float64, d)
	for i := range n {
		for j, v := range points[i*d : (i+1)*d] {
			mean[j] += (v - mean[j]) / float64(i+1)
		}
	}
	at, weights := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(at, weights, 0, 1)
	u, z := make([]float64, n), make([]float64, n*d)
	for k, t1 := range at {
		for i, v := range points {
			c := mean[i%d]
			z[i] = c + t1*(v-c)
		}
		if s != nil && s.Progress != nil {
			settings.Progress = func(done, _ int) { s.Progress(k*n+done, nodes*n) }
		}
		r, err := Encode(ctx, e, t, law, engine.Points(z, n, d), &settings)
		if err != nil {
			return nil, err
		}
		image, _, _, err := engine.Matrix(r.X)
		if err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
		for i := range u {
			sum := 0.0
			for j, v := range image[i*d : (i+1)*d] {
				sum += v * (points[i*d+j] - mean[j])
			}
			u[i] += weights[k] * sum
		}
	}
	return u, nil
}
