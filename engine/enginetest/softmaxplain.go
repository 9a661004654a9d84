package enginetest

import "math"

// float is a type in which the plain formulas are evaluated: float64 as the reference, float32 as the
// standard of what that type can do.
type float interface{ float32 | float64 }

func convert[T float](a *array) []T {
	if a == nil {
		return nil
	}
	x := make([]T, len(a.x))
	for i, v := range a.x {
		x[i] = T(v)
	}
	return x
}

func exp[T float](x T) T  { return T(math.Exp(float64(x))) }
func ln[T float](x T) T   { return T(math.Log(float64(x))) }
func sqrt[T float](x T) T { return T(math.Sqrt(float64(x))) }

// dot is the plain sum of products. The conversion keeps the compiler from fusing them.
func dot[T float](x, y []T) T {
	var s T
	for i, v := range x {
		s += T(v * y[i])
	}
	return s
}

// softmaxHost holds the inputs of engine.Softmax.
type softmaxHost struct {
	q, k, v, s, u, c, w, skip, t, a *array
	scale                           float64
}

func (h *softmaxHost) values() *array {
	if h.v == nil {
		return h.k
	}
	return h.v
}

func (h *softmaxHost) tangents() int {
	if h.t == nil {
		return 0
	}
	return h.t.n
}

// softmaxOut holds every output of engine.Softmax, and z and r themselves [B, N, M].
type softmaxOut[T float] struct {
	z, r                                   []T
	lse, mean, second, tmean, colsum, most []T
	arg                                    []int
}

// softmaxPlain evaluates engine.Softmax as its doc comment reads.
func softmaxPlain[T float](h *softmaxHost) *softmaxOut[T] {
	nb, n, d := h.q.b, h.q.n, h.q.d
	m, dv, np := h.k.n, h.values().d, h.tangents()
	q, k, v, tan := convert[T](h.q), convert[T](h.k), convert[T](h.values()), convert[T](h.t)
	o := &softmaxOut[T]{
		z: make([]T, nb*n*m), r: make([]T, nb*n*m),
		lse: make([]T, nb*n), mean: make([]T, nb*n*dv), second: make([]T, nb*n),
		tmean: make([]T, nb*n*np*dv), colsum: make([]T, nb*m), most: make([]T, nb*n), arg: make([]int, nb*n),
	}
	problem := func(a *array, b int) int { // where a parameter that may be shared begins
		if a.b == 1 {
			return 0
		}
		return b * a.n * a.d
	}
	for b := range nb {
		kb, vb := k[problem(h.k, b):], v[problem(h.values(), b):]
		for i := range n {
			row := b*n + i
			z, r := o.z[row*m:][:m], o.r[row*m:][:m]
			most, arg := T(math.Inf(-1)), -1
			for j := range z {
				z[j] = T(h.rowScale(row)) * dot(q[row*d:][:d], kb[j*d:][:d])
				if h.u != nil {
					z[j] += T(h.u.x[problem(h.u, b)+j])
				}
				if h.c != nil {
					z[j] += T(T(h.c.x[row]) * T(h.w.x[problem(h.w, b)+j]))
				}
				if h.skip != nil && int(h.skip.x[row]) == j {
					z[j] = T(math.Inf(-1))
				}
				if z[j] > most || z[j] != z[j] { // NaN stays
					most, arg = z[j], j
				}
			}
			o.most[row], o.arg[row] = most, arg
			if arg < 0 {
				o.lse[row] = T(math.Inf(-1))
				continue
			}
			var sum T
			for j := range z {
				r[j] = exp(z[j] - most)
				sum += r[j]
			}
			o.lse[row] = most + ln(sum)
			for j := range r {
				r[j] /= sum
				vj := vb[j*dv:][:dv]
				for c, x := range vj {
					o.mean[row*dv+c] += T(r[j] * x)
				}
				o.second[row] += T(r[j] * dot(vj, vj))
				for p := range np {
					f := r[j] * dot(kb[j*d:][:d], tan[(row*np+p)*d:][:d])
					for c, x := range vj {
						o.tmean[(row*np+p)*dv+c] += T(f * x)
					}
				}
				weight := T(1)
				if h.a != nil {
					weight = T(h.a.x[row])
				}
				o.colsum[b*m+j] += T(weight * r[j])
			}
		}
	}
	return o
}

func (h *softmaxHost) rowScale(row int) float64 {
	switch {
	case h.s != nil:
		return h.s.x[row]
	case h.scale != 0:
		return h.scale
	}
	return 1
}

// softmaxUnit holds the unit of every output: see the package comment.
type softmaxUnit struct {
	lse, mean, second, tmean, colsum, most []float64
}

// units bounds what one rounding of every term does. A change of z_ij by its terms' size a_ij changes
// L_i by sum_j r_ij a_ij and r_ij, relatively, by a_ij plus that. Where limit, the allowed count of
// roundings, of a_ij reaches 1/4, the row's weights are not known to first order: then L_i is off by at
// most the largest a_ij, and each weight may be anything from 0 to 1.
func (h *softmaxHost) units(o *softmaxOut[float64], limit float64) *softmaxUnit {
	nb, n, m := h.q.b, h.q.n, h.k.n
	d, dv, np := h.q.d, h.values().d, h.tangents()
	u := &softmaxUnit{
		lse: make([]float64, len(o.lse)), mean: make([]float64, len(o.mean)), second: make([]float64, len(o.second)),
		tmean: make([]float64, len(o.tmean)), colsum: make([]float64, len(o.colsum)), most: make([]float64, len(o.most)),
	}
	a := make([]float64, m)
	for b := range nb {
		for i := range n {
			row := b*n + i
			if o.arg[row] < 0 {
				continue // the values are exact
			}
			z, r := o.z[row*m:][:m], o.r[row*m:][:m]
			dl := math.Abs(o.lse[row]) + 1
			for j := range a {
				a[j] = 0
				if math.IsInf(z[j], -1) {
					continue
				}
				for c, x := range h.q.row(b, i) {
					a[j] += math.Abs(x * h.k.row(b, j)[c])
				}
				a[j] *= math.Abs(h.rowScale(row))
				if h.u != nil {
					a[j] += math.Abs(h.u.row(b, j)[0])
				}
				if h.c != nil {
					a[j] += math.Abs(h.c.x[row] * h.w.row(b, j)[0])
				}
				dl += r[j] * a[j]
				u.most[row] = max(u.most[row], a[j])
			}
			lost := limit*u.most[row] > .25
			if lost {
				dl += u.most[row]
			}
			u.lse[row] = dl
			for j := range a {
				rel := r[j] * (a[j] + dl + 2) // 2: the quotient or product, and the exponential
				if lost && !math.IsInf(z[j], -1) {
					rel = 1 / limit
				}
				if rel == 0 {
					continue
				}
				vj := h.values().row(b, j)
				var square float64
				for c, x := range vj {
					u.mean[row*dv+c] += rel * math.Abs(x)
					square += x * x
				}
				u.second[row] += rel * square
				for p := range np {
					var inner float64
					tan := h.t.x[(row*np+p)*d:][:d]
					for c, x := range h.k.row(b, j) {
						inner += math.Abs(x * tan[c])
					}
					for c, x := range vj {
						u.tmean[(row*np+p)*dv+c] += rel * math.Abs(x) * inner
					}
				}
				weight := 1.0
				if h.a != nil {
					weight = h.a.x[row]
				}
				u.colsum[b*m+j] += weight * rel
			}
		}
	}
	return u
}
