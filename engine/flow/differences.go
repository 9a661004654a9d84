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

// AdamsWeights are the weights of the slopes at nodes u_0, u_1, ... (times relative to a step, which is [0, 1]) in the
// integral over the step of the polynomial through them. With
//
//	w_ji = 1 / prod_{m <= j, m != i} (u_i - u_m), so that f[u_0 .. u_j] = sum_i w_ji f(u_i)
//	g_j  = int_0^1 prod_{i < j} (v - u_i) dv
//
// the integral of the one through the first k nodes is sum_{j < k} g_j f[u_0 .. u_j]. They are a variable-step Adams
// method's: a predictor's for the last k slopes, a corrector's with the new one at u_0 = 1.
type AdamsWeights struct {
	Sum  [maxNodes]float64    // sum_{j <= top} g_j w_ji, for i <= top
	Term [3][maxNodes]float64 // g_j w_ji of j = top-1, top, top+1; 0 where there is no node j
	g    [maxNodes]float64
	w    [maxNodes][maxNodes]float64
}

// Find finds the weights for len(u) <= AdamsOrder + 1 distinct nodes, 0 <= top < len(u).
func (c *AdamsWeights) Find(u []float64, top int) {
	c.differences(u)
	clear(c.Sum[:])
	for i := range top + 1 {
		for j := i; j <= top; j++ {
			c.Sum[i] += c.g[j] * c.w[j][i]
		}
	}
	for e := range c.Term {
		clear(c.Term[e][:])
		if j := top - 1 + e; j >= 0 && j < len(u) {
			for i := range j + 1 {
				c.Term[e][i] = c.g[j] * c.w[j][i]
			}
		}
	}
}

func (c *AdamsWeights) differences(u []float64) {
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
