package study

import (
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// hermiteSeries is the function sum_n c_n He_n of one coordinate, in Hermite's polynomials orthogonal under the
// standard normal density phi.
type hermiteSeries []float64

// squared returns (delta + (1 + b x)^2) over its mean under phi.
func squared(b, delta float64) hermiteSeries {
	z := 1 + b*b + delta
	return hermiteSeries{1, 2 * b / z, b * b / z}
}

// at returns, with the semigroup's a^n beside every c_n, the sum g = sum c_n a^n He_n(y), and its first and second
// derivatives over a and a^2, which are finite at a = 0.
func (c hermiteSeries) at(a, y float64) (g, g1, g2 float64) {
	// He_n' = n He_{n-1}; last, before are He_{n-1}, He_{n-2}.
	power, last, before, value := 1.0, 0.0, 0.0, 1.0
	low, lower := 0.0, 0.0 // a^{n-1}, a^{n-2}
	for n, v := range c {
		k := float64(n)
		g += v * power * value
		g1 += v * low * k * last
		g2 += v * lower * k * (k - 1) * before
		lower, low, power = low, power, power*a
		before, last, value = last, value, y*value-k*last
	}
	return g, g1, g2
}

// masses returns the integrals of phi times the series below and above x: int_-inf^x phi He_n = -phi(x) He_{n-1}(x).
func (c hermiteSeries) masses(x float64) (below, above float64) {
	below, above = normalMasses(x)
	phi := math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
	last, value := 0.0, 1.0
	for n, v := range c {
		if n > 0 {
			below -= v * phi * last
			above += v * phi * last
		}
		last, value = value, x*value-float64(n)*last
	}
	return below, above
}

// lowRank is the law of density phi(x) sum_k w_k prod_i q_ki(x_i): a function of low rank times the Gaussian. The
// Ornstein-Uhlenbeck semigroup multiplies He_n by exp(-n tau) and leaves phi, so that the law of every x is of this
// form, of the same rank. All q_ki are positive, of mean 1 under phi, and w sums to 1.
type lowRank struct {
	d     int
	w     []float64
	cores [][]hermiteSeries // [rank][d]
}

// streamLowRank is the stream of random numbers of the point 0.
const streamLowRank = 0x6c6f7772 << 32

func (p *lowRank) Dim() int { return p.d }

// Sample draws the term, then every coordinate by inverting its distribution function.
func (p *lowRank) Sample(seed uint64, n int) *tensor.Dense {
	x := make([]float64, n*p.d)
	for i := range n {
		s := rng.NewSource(seed, streamLowRank+uint64(i))
		k, u := 0, s.Float64()
		for k < len(p.w)-1 && u > p.w[k] {
			u -= p.w[k]
			k++
		}
		for t, q := range p.cores[k] {
			u := s.Float64()
			lo, hi := -40.0, 40.0
			for hi-lo > 1e-15*math.Max(1, math.Abs(lo)) {
				mid := lo + (hi-lo)/2
				if mid == lo || mid == hi {
					break
				}
				if below, _ := q.masses(mid); below < u {
					lo = mid
				} else {
					hi = mid
				}
			}
			x[i*p.d+t] = lo
		}
	}
	return engine.Points(x, n, p.d)
}

// logp returns ln p0.
func (p *lowRank) logp(x []float64) float64 {
	l, _ := p.derivatives(x, 1, 1, nil)
	return l
}

func (p *lowRank) Bind(e engine.Engine, _ engine.Dtype) (dist.Field, error) {
	return &lowRankField{p, e}, nil
}

// derivatives returns ln p at x = s y, of the law whose semigroup's factor is a, the vector h = grad_y ln(p/phi)/a
// and, into hess [d, d] unless it is nil, its derivatives dh/dy / a.
func (p *lowRank) derivatives(y []float64, a, s float64, hess []float64) (logp float64, h []float64) {
	d := p.d
	terms := make([]float64, len(p.w))
	h = make([]float64, d)
	slopes, bends := make([]float64, len(p.w)*d), make([]float64, len(p.w)*d)
	var sum float64
	for k, w := range p.w {
		terms[k] = w
		for t, q := range p.cores[k] {
			g, g1, g2 := q.at(a, y[t])
			terms[k] *= g
			slopes[k*d+t], bends[k*d+t] = g1/g, g2/g
		}
		sum += terms[k]
	}
	clear(hess)
	logp = math.Log(sum)
	for _, v := range y {
		logp -= v*v/2 + math.Log(2*math.Pi)/2 + math.Log(s)
	}
	for k := range terms {
		terms[k] /= sum
		g := slopes[k*d : (k+1)*d]
		for t, v := range g {
			h[t] += terms[k] * v
		}
		if hess == nil {
			continue
		}
		for t, v := range g {
			for u, w := range g {
				hess[t*d+u] += terms[k] * v * w
			}
			hess[t*d+t] += terms[k] * (bends[k*d+t] - v*v)
		}
	}
	if hess != nil {
		for t, v := range h {
			for u, w := range h {
				hess[t*d+u] -= v * w
			}
		}
	}
	return logp, h
}

// lowRankField is the law's velocity, evaluated on the host.
type lowRankField struct {
	p *lowRank
	e engine.Engine
}

func (f *lowRankField) Dim() int { return f.p.d }
func (f *lowRankField) Free()    {}

// Eval evaluates with x = s y, s^2 = alpha^2 + sigma^2, a = alpha/s and h of derivatives:
//
//	score = (a h - y)/s,  E[x0|x] = a y + (sigma/s)^2 h.
func (f *lowRankField) Eval(r *dist.Request) (err error) {
	read := func(b engine.Buffer) []float64 {
		if b == nil || err != nil {
			return nil
		}
		v := make([]float64, engine.Len(b))
		err = f.e.Read(v, b, 0)
		return v
	}
	coef, x, tangents := read(r.Coef), read(r.X), read(r.T)
	if err != nil {
		return err
	}
	like := func(b engine.Buffer) []float64 {
		if b == nil {
			return nil
		}
		return make([]float64, engine.Len(b))
	}
	v, tv, div, logp := like(r.V), like(r.TV), like(r.Div), like(r.LogP)
	d := f.p.d
	n := len(x) / d
	y := make([]float64, d)
	var hess []float64
	if tv != nil || div != nil {
		hess = make([]float64, d*d)
	}
	for i := range n {
		c := coef[i*engine.CoefCount:]
		alpha, sigma := c[engine.CoefAlpha], c[engine.CoefSigma]
		s := math.Hypot(alpha, sigma)
		a, b := alpha/s, sigma/s*(sigma/s)
		for t := range y {
			y[t] = x[i*d+t] / s
		}
		l, h := f.p.derivatives(y, a, s, hess)
		// v = vy y + vh h, and dv/dx = (vy I + vh a hess)/s.
		vy := c[engine.CoefMean]*a - c[engine.CoefScore]/s
		vh := c[engine.CoefMean]*b + c[engine.CoefScore]*a/s
		if logp != nil {
			logp[i] = l
		}
		if v != nil {
			for t := range y {
				v[i*d+t] = vy*y[t] + vh*h[t]
			}
		}
		if div != nil {
			for t := range y {
				div[i] += (vy + vh*a*hess[t*d+t]) / s
			}
		}
		if tv != nil {
			k := len(tv) / (n * d)
			for o := i * k * d; o < (i+1)*k*d; o += d {
				for t := range y {
					sum := vy * tangents[o+t]
					for u, w := range tangents[o : o+d] {
						sum += vh * a * hess[t*d+u] * w
					}
					tv[o+t] = sum / s
				}
			}
		}
	}
	write := func(b engine.Buffer, src []float64) {
		if b != nil && err == nil {
			err = f.e.Write(b, 0, src)
		}
	}
	write(r.V, v)
	write(r.TV, tv)
	write(r.Div, div)
	write(r.LogP, logp)
	return err
}
