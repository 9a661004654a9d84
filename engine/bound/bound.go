// Package bound turns the training loss of a score model into bounds of the Wasserstein distance between its
// samples and the data, and measures how tight they are.
//
// Data of law p_0 are noised by dx = f dt + g dW, f = -beta x/2, g^2 = beta, to marginals p_t: x_t = alpha x_0 +
// sigma e, alpha = exp(-tau), tau = 1/2 int beta. A model s_theta(x, t) of the scores runs back from q_T, by the
// reverse stochastic equation or by the probability-flow ODE, to q_0. With
//
//	b(t) = E_{p_t} |grad log p_t - s_theta|^2,   J_SM = 1/2 int g^2 b dt,
//	L_s(t): <s_theta(x) - s_theta(y), x - y> <= L_s |x - y|^2, one-sided, often negative,
//
// the distances are bounded by [Bounds]. A [Process] holds the times at which all of this is known. Everything
// that is exponential in an integral is kept as a logarithm.
//
// Source: Kwon, Fan and Lee, arXiv 2212.06359; for the ODE, the same estimate with the flow's own drift.
package bound

import (
	"math"

	"monge/engine"

	"gonum.org/v1/gonum/floats"
)

// Side holds the bounds of W2(p_0, q_0) of one way to sample. With c = 1 for the reverse stochastic equation and
// 1/2 for the ODE, whose drift -f and f are one-sided and plainly Lipschitz with beta/2,
//
//	log I(t) = int_0^t g^2 (1/2 + c L_s) dt
//	Theorem   = c int g^2 I sqrt(b) dt + Offset
//	Corollary = c sqrt(2 (int g^2 I^2 dt) J_SM) + Offset
//	Offset    = I(T) W2(p_T, q_T)
//
// Logarithms of zero are -Inf; a number may be +Inf where its logarithm is not.
type Side struct {
	Theorem, Corollary, Offset          float64
	LogTheorem, LogCorollary, LogOffset float64
	// LogIntercept is ln(c sqrt(2 int g^2 I^2 dt)): without offset ln W2 <= 1/2 ln J_SM + LogIntercept, the line
	// of slope 1/2 over the logarithm of the loss.
	LogIntercept float64
}

// Curves are what the bounds need at the nodes of a process.
type Curves struct {
	Error     []float64 // b(t)
	Lipschitz []float64 // L_s(t)
	Start     float64   // W2(p_T, q_T), or a bound of it
	// Weight is rho(t) > 0 for a loss J_rho = 1/2 int rho g^2 b dt in place of J_SM; then the corollary has
	// int g^2 I^2/rho dt. nil = 1, the likelihood weighting.
	Weight []float64
}

// Bounds returns J = 1/2 int rho g^2 b dt and the bounds for the two ways to sample. It panics where a curve has
// not one number a node.
func (p *Process) Bounds(c Curves) (loss float64, sde, ode Side) {
	n := len(p.times)
	if len(c.Error) != n || len(c.Lipschitz) != n || c.Weight != nil && len(c.Weight) != n {
		panic("bound: curves do not fit the process")
	}
	weighted := make([]float64, n)
	for k, b := range c.Error {
		weighted[k] = c.weight(k) * b
	}
	loss = p.Integral(weighted) / 2
	return loss, p.side(1, loss, c), p.side(.5, loss, c)
}

func (c *Curves) weight(k int) float64 {
	if c.Weight == nil {
		return 1
	}
	return c.Weight[k]
}

// side computes the bounds of factor c.
func (p *Process) side(factor, loss float64, c Curves) (s Side) {
	n := len(p.times)
	rate := make([]float64, n)
	for k, l := range c.Lipschitz {
		rate[k] = .5 + factor*l
	}
	growth, whole := p.Cumulate(rate)
	main, square := make([]float64, n), make([]float64, n)
	for k, g := range growth {
		w := engine.Ln(p.weights[k])
		main[k] = w + g + engine.Ln(c.Error[k])/2
		square[k] = w + 2*g - engine.Ln(c.weight(k))
	}
	s.LogOffset = whole + engine.Ln(c.Start)
	s.LogIntercept = math.Log(factor) + (math.Ln2+logSum(square))/2
	s.LogTheorem = logAdd(math.Log(factor)+logSum(main), s.LogOffset)
	s.LogCorollary = logAdd(s.LogIntercept+engine.Ln(loss)/2, s.LogOffset)
	s.Theorem, s.Corollary, s.Offset = math.Exp(s.LogTheorem), math.Exp(s.LogCorollary), math.Exp(s.LogOffset)
	return s
}

// logSum returns ln sum exp x, -Inf where all are.
func logSum(x []float64) float64 {
	if math.IsInf(floats.Max(x), -1) {
		return math.Inf(-1)
	}
	return floats.LogSumExp(x)
}

func logAdd(x, y float64) float64 { return logSum([]float64{x, y}) }
