package tile

import (
	"math"

	"monge/engine"
)

// logRun is how many mantissas in [1, 2) are multiplied: their product stays finite.
const logRun = 512

// SumLog returns sum_j ln x_j of positive numbers with few logarithms: mantissas are multiplied.
func SumLog(x []float64) float64 {
	var sum float64
	var exp int
	for len(x) > 0 {
		n := min(logRun, len(x))
		p := 1.0
		for _, v := range x[:n] {
			b := math.Float64bits(v)
			e := int(b >> 52)
			if e == 0 || e >= 0x7ff { // zero, subnormal, infinite, NaN or negative
				sum += engine.Ln(v)
				continue
			}
			exp += e - 1023
			p *= math.Float64frombits(b&(1<<52-1) | 1023<<52)
		}
		sum += math.Log(p)
		x = x[n:]
	}
	return sum + float64(exp)*math.Ln2
}

// logRows is how many rows' products of mantissas are taken logarithms of together.
const logRows = 16

// Variances sets inv_kj = 1/D_kj with D_kj = a2 l_kj + s2, and logDet_k = sum_j ln D_kj, for rows of equal length.
func (l Level) Variances(inv, lam, logDet []float64, a2, s2 float64) {
	inv = inv[:len(lam)]
	d := len(lam) / max(1, len(logDet))
	for len(logDet) > 0 {
		var product [logRows]float64
		n := min(logRows, len(logDet))
		for k := range n {
			product[k], logDet[k] = l.variances(inv[:d], lam[:d], a2, s2)
			inv, lam = inv[d:], lam[d:]
		}
		l.Log(product[:n], product[:n])
		for k, v := range product[:n] {
			logDet[k] += v
		}
		logDet = logDet[n:]
	}
}

// variances is Variances of one row, where sum_j ln D_j is rest + ln product.
func (l Level) variances(inv, lam []float64, a2, s2 float64) (product, rest float64) {
	product = 1
	for n := l.split(len(lam)); n > 0; n = l.split(len(lam)) {
		n = min(n, logRun)
		var res [4]float64 // product of mantissas; sum, least and largest of the exponents
		l.variancesBlocks(inv[:n], lam[:n], a2, s2, &res)
		p, e := res[0], res[1]*math.Ln2
		if res[2] <= -1023 || res[3] > 1023 {
			p, e = variances(inv[:n], lam[:n], a2, s2)
		}
		if product *= p; product > 0x1p500 {
			rest += math.Log(product)
			product = 1
		}
		rest += e
		inv, lam = inv[n:], lam[n:]
	}
	p, e := variances(inv, lam, a2, s2)
	if product *= p; product > 0x1p500 {
		rest += math.Log(product)
		product = 1
	}
	return product, rest + e
}

// variances is the same in plain Go.
func variances(inv, lam []float64, a2, s2 float64) (product, rest float64) {
	inv = inv[:len(lam)]
	product = 1
	exp := 0
	for j, v := range lam {
		d := a2*v + s2
		inv[j] = 1 / d
		b := math.Float64bits(d)
		e := int(b >> 52)
		if e == 0 || e >= 0x7ff { // zero, subnormal, infinite, NaN or negative
			rest += engine.Ln(d)
			continue
		}
		exp += e - 1023
		product *= math.Float64frombits(b&(1<<52-1) | 1023<<52)
		if product > 0x1p500 {
			rest += math.Log(product)
			product = 1
		}
	}
	return product, rest + float64(exp)*math.Ln2
}

// Ratios sets a_j = (f l_j - c) inv_j.
func (l Level) Ratios(a, lam, inv []float64, f, c float64) {
	lam, inv = lam[:len(a)], inv[:len(a)]
	for n := l.split(len(a)); n > 0; n = l.split(len(a)) {
		n = min(n, longest)
		l.ratiosBlocks(a[:n], lam[:n], inv[:n], f, c)
		a, lam, inv = a[n:], lam[n:], inv[n:]
	}
	for j, v := range lam {
		a[j] = (f*v - c) * inv[j]
	}
}

// Centre sets y_j = x_j - alpha m_j.
func Centre[T Float](l Level, y, x, m []T, alpha float64) {
	x, m = x[:len(y)], m[:len(y)]
	n := l.split(len(y))
	for i := 0; i < n; i += longest {
		end := min(i+longest, n)
		switch y := any(y).(type) {
		case []float64:
			l.centre64Blocks(y[i:end], any(x).([]float64)[i:], any(m).([]float64)[i:], alpha)
		case []float32:
			l.centre32Blocks(y[i:end], any(x).([]float32)[i:], any(m).([]float32)[i:], alpha)
		}
	}
	for j := n; j < len(y); j++ {
		y[j] = T(float64(x[j]) - alpha*float64(m[j]))
	}
}

// Scale sets y_j = c a_j z_j.
func Scale[T Float](l Level, y, z []T, a []float64, c float64) {
	z, a = z[:len(y)], a[:len(y)]
	n := l.split(len(y))
	for i := 0; i < n; i += longest {
		end := min(i+longest, n)
		switch y := any(y).(type) {
		case []float64:
			l.scale64Blocks(y[i:end], any(z).([]float64)[i:], a[i:], c)
		case []float32:
			l.scale32Blocks(y[i:end], any(z).([]float32)[i:], a[i:], c)
		}
	}
	for j := n; j < len(y); j++ {
		y[j] = T(c * a[j] * float64(z[j]))
	}
}

// Rescale sets y_j = (f l_j - c) inv_j z_j.
func Rescale[T Float](l Level, y, z []T, lam, inv []float64, f, c float64) {
	z, lam, inv = z[:len(y)], lam[:len(y)], inv[:len(y)]
	n := l.split(len(y))
	for i := 0; i < n; i += longest {
		end := min(i+longest, n)
		switch y := any(y).(type) {
		case []float64:
			l.rescale64Blocks(y[i:end], any(z).([]float64)[i:], lam[i:], inv[i:], f, c)
		case []float32:
			l.rescale32Blocks(y[i:end], any(z).([]float32)[i:], lam[i:], inv[i:], f, c)
		}
	}
	for j := n; j < len(y); j++ {
		y[j] = T((f*lam[j] - c) * inv[j] * float64(z[j]))
	}
}

// Less sets y_j = x_j - m_j.
func Less[T Float](l Level, y, x []T, m []float64) {
	x, m = x[:len(y)], m[:len(y)]
	n := l.split(len(y))
	for i := 0; i < n; i += longest {
		end := min(i+longest, n)
		switch y := any(y).(type) {
		case []float64:
			l.less64Blocks(y[i:end], any(x).([]float64)[i:], m[i:])
		case []float32:
			l.less32Blocks(y[i:end], any(x).([]float32)[i:], m[i:])
		}
	}
	for j := n; j < len(y); j++ {
		y[j] = T(float64(x[j]) - m[j])
	}
}
