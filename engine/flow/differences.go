package flow

import "monge/engine"

// maxOrder is the highest order of the Adams method: beyond it nothing was gained at any tolerance.
const maxOrder = engine.AdamsOrder

// maxNodes is the count of slopes behind a corrector that also estimates the next order's error.
const maxNodes = maxOrder + 1

// gauss8 holds the nodes and weights of Gauss-Legendre quadrature on [0, 1], exact to degree 15.
var gauss8 = [8][2]float64{
	{0.019855071751231884, 0.050614268145188130},
	{0.10166676129318664, 0.11119051722668724},
	{0.23723379504183550, 0.15685332293894364},
	{0.40828267875217510, 0.18134189168918100},
	{0.59171732124782490, 0.18134189168918100},
	{0.76276620495816450, 0.15685332293894364},
	{0.89833323870681340, 0.11119051722668724},
	{0.98014492824876810, 0.050614268145188130},
}

// differences holds what a variable-step Adams formula needs of its nodes u_0, u_1, ... (times relative
// to the step, which is [0, 1]):
//
//	w_ji = 1 / prod_{m <= j, m != i} (u_i - u_m), so that f[u_0 .. u_j] = sum_i w_ji f(u_i)
//	g_j  = int_0^1 prod_{i < j} (v - u_i) dv
//
// and the slope's integral over the step, by the polynomial through the first k nodes, is
// sum_{j < k} g_j f[u_0 .. u_j].
type differences struct {
	g [maxNodes]float64
	w [maxNodes][maxNodes]float64
}

func (c *differences) build(u []float64) {
	for j := range u {
		row := &c.w[j]
		last := 1.0
		for i := range j {
			r := 1 / (u[i] - u[j])
			row[i] = c.w[j-1][i] * r
			last *= -r
		}
		row[j] = last
		c.g[j] = 0
	}
	for _, q := range gauss8 {
		v, prod := q[0], q[1]
		for j, uj := range u {
			c.g[j] += prod
			prod *= v - uj
		}
	}
}
