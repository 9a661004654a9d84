package tile

import "math"

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
				sum += math.Log(v)
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

// Variances sets inv_j = 1/D_j with D_j = a2 l_j + s2, and returns sum_j ln D_j.
func (l Level) Variances(inv, lam []float64, a2, s2 float64) (logDet float64) {
	inv = inv[:len(lam)]
	for n := l.split(len(lam)); n > 0; n = l.split(len(lam)) {
		n = min(n, logRun)
		var res [4]float64 // product of mantissas; sum, least and largest of the exponents
		l.variancesBlocks(inv[:n], lam[:n], a2, s2, &res)
		if res[2] <= -1023 || res[3] > 1023 {
			logDet += variances(inv[:n], lam[:n], a2, s2)
		} else {
			logDet += math.Log(res[0]) + res[1]*math.Ln2
		}
		inv, lam = inv[n:], lam[n:]
	}
	if len(lam) == 0 {
		return logDet
	}
	return logDet + variances(inv, lam, a2, s2)
}

func variances(inv, lam []float64, a2, s2 float64) float64 {
	for j, v := range lam {
		inv[j] = a2*v + s2
	}
	logDet := SumLog(inv)
	for j, d := range inv {
		inv[j] = 1 / d
	}
	return logDet
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
