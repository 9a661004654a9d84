package tile

import (
	"math"

	"monge/engine"
)

// normal is the least normal float64.
const normal = 0x1p-1022

// longest is how many numbers one call of the assembly passes over, as it cannot be preempted. Sums are
// made of sums of so many.
const longest = 1024

// split returns the whole blocks of a run, and the rest begins there.
func (l Level) split(n int) int {
	if l == Plain {
		return 0
	}
	return n &^ (Block - 1)
}

// Max returns the largest of m, no NaN, and the z. NaNs are passed over.
func (l Level) Max(z []float64, m float64) float64 {
	for n := l.split(len(z)); n > 0; n = l.split(len(z)) {
		n = min(n, longest)
		m = l.maxBlocks(z[:n], m)
		z = z[n:]
	}
	for _, v := range z {
		if v > m {
			m = v
		}
	}
	return m
}

// Log sets dst_j = ln x_j with an error below one unit in the last place. dst may be x.
func (l Level) Log(dst, x []float64) {
	type other struct {
		at int
		x  float64
	}
	dst = dst[:len(x)]
	n := l.split(len(x))
	var others []other // what the assembly cannot do
	for j, v := range x[:n] {
		if !(v >= normal && v <= math.MaxFloat64) {
			others = append(others, other{j, v})
		}
	}
	for j := 0; j < n; j += longest {
		k := min(j+longest, n)
		l.logBlocks(dst[j:k], x[j:k])
	}
	for _, o := range others {
		dst[o.at] = engine.Ln(o.x)
	}
	for j := n; j < len(x); j++ {
		dst[j] = engine.Ln(x[j])
	}
}

// AddScaled adds c x to y.
func (l Level) AddScaled(y, x []float64, c float64) {
	x = x[:len(y)]
	for n := l.split(len(y)); n > 0; n = l.split(len(y)) {
		n = min(n, longest)
		l.addScaledBlocks(y[:n], x[:n], c)
		x, y = x[n:], y[n:]
	}
	for j, v := range x {
		y[j] += c * v
	}
}

// Dot returns sum_j x_j y_j.
func (l Level) Dot(x, y []float64) (sum float64) {
	y = y[:len(x)]
	for n := l.split(len(x)); n > 0; n = l.split(len(x)) {
		n = min(n, longest)
		sum += l.dotBlocks(x[:n], y[:n])
		x, y = x[n:], y[n:]
	}
	for len(x) > 0 {
		n := min(len(x), longest)
		var part float64
		for j, v := range x[:n] {
			part += v * y[j]
		}
		sum += part
		x, y = x[n:], y[n:]
	}
	return sum
}

// Narrow rounds non-negative weights to float32. What is below 2^-110 becomes 0: products with it would be subnormal.
func (l Level) Narrow(dst []float32, x []float64) {
	dst = dst[:len(x)]
	n := l.split(len(x))
	if n > 0 {
		l.narrowBlocks(dst[:n], x[:n])
	}
	for j, v := range x[n:] {
		if v < 0x1p-110 {
			v = 0
		}
		dst[n+j] = float32(v)
	}
}

// Affine sets z_j = s x_j + u_j and returns the largest of m, no NaN, and the z, as [Level.Max] does.
func Affine[T Float](l Level, z []float64, x []T, u []float64, s, m float64) float64 {
	x, u = x[:len(z)], u[:len(z)]
	n := l.split(len(z))
	if n > 0 {
		switch x := any(x).(type) {
		case []float64:
			m = l.affine64Blocks(z[:n], x[:n], u[:n], s, m)
		case []float32:
			m = l.affine32Blocks(z[:n], x[:n], u[:n], s, m)
		}
	}
	for j := n; j < len(z); j++ {
		z[j] = s*float64(x[j]) + u[j]
		if z[j] > m {
			m = z[j]
		}
	}
	return m
}

// Weighted returns sum_j x_j^2 w_j.
func Weighted[T Float](l Level, x []T, w []float64) float64 {
	w = w[:len(x)]
	n := l.split(len(x))
	var s0, s1, s2, s3 float64
	if n > 0 {
		switch x := any(x).(type) {
		case []float64:
			s0 = l.weighted64Blocks(x[:n], w[:n])
		case []float32:
			s0 = l.weighted32Blocks(x[:n], w[:n])
		}
	}
	for x, w = x[n:], w[n:]; len(x) >= 4; x, w = x[4:], w[4:] {
		x0, x1, x2, x3 := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += x0 * x0 * w[0]
		s1 += x1 * x1 * w[1]
		s2 += x2 * x2 * w[2]
		s3 += x3 * x3 * w[3]
	}
	for j, v := range x {
		s0 += float64(v) * float64(v) * w[j]
	}
	return (s0 + s1) + (s2 + s3)
}

// DirectDims is the most dimensions of [Level.Direct].
const DirectDims = 4

// Direct sets z_j = s <q, k_j> + u_j, coordinate l of key j at k[l ld + j]; the coordinates that are not
// there are zeros in q and in k. It returns the largest of m, no NaN, and the z, as [Level.Max] does.
func (l Level) Direct(z, k []float64, ld int, q *[DirectDims]float64, u []float64, s, m float64) float64 {
	n := len(z)
	u = u[:n]
	k0, k1, k2, k3 := k[:n], k[ld:ld+n], k[2*ld:2*ld+n], k[3*ld:3*ld+n]
	whole := l.split(n)
	if whole > 0 {
		m = l.directBlocks(z[:whole], k, ld, q, u, s, m)
	}
	for j := whole; j < n; j++ {
		z[j] = s*(q[0]*k0[j]+q[1]*k1[j]+q[2]*k2[j]+q[3]*k3[j]) + u[j]
		if z[j] > m {
			m = z[j]
		}
	}
	return m
}
