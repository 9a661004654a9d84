package tile

import (
	"math"
	"unsafe"
)

// terms is how many terms one call of the assembly sums.
const terms = 16

// Combine sets dst_j = sum_k coef_k x[k stride + j]. Terms of coefficient 0 are not read.
func Combine[T Float](l Level, dst []float64, coef, x []T, stride int) {
	clear(dst)
	whole := l.split(len(dst))
	var offset [terms]int
	var c [terms]float64
	for k := 0; k < len(coef); {
		n := 0
		for ; k < len(coef) && n < terms; k++ {
			if coef[k] != 0 {
				offset[n], c[n] = k*stride, float64(coef[k])
				n++
			}
		}
		if n == 0 {
			break
		}
		for t := range n {
			for j, v := range x[offset[t]:][:len(dst)][whole:] {
				dst[whole+j] += c[t] * float64(v)
			}
			offset[t] *= int(unsafe.Sizeof(*new(T)))
		}
		for i := 0; i < whole; i += longest {
			part := dst[i:min(i+longest, whole)]
			switch x := any(x).(type) {
			case []float64:
				l.combine64Blocks(part, &x[i], &offset[0], &c[0], n)
			case []float32:
				l.combine32Blocks(part, &x[i], &offset[0], &c[0], n)
			}
		}
	}
}

// Errors returns sum_j (v_j / (atol + rtol |x_j|))^2; a v_j of 0 counts 0 whatever it is divided by.
func Errors[T Float](l Level, v []float64, x []T, atol, rtol float64) (sum float64) {
	x = x[:len(v)]
	n := l.split(len(v))
	for i := 0; i < n; i += longest {
		end := min(i+longest, n)
		switch x := any(x).(type) {
		case []float64:
			sum += l.errors64Blocks(v[i:end], x[i:], atol, rtol)
		case []float32:
			sum += l.errors32Blocks(v[i:end], x[i:], atol, rtol)
		}
	}
	for j := n; j < len(v); j++ {
		if e := v[j]; e != 0 {
			e /= atol + rtol*math.Abs(float64(x[j]))
			sum += e * e
		}
	}
	return sum
}

// Add adds x to y.
func Add[T Float](l Level, y []float64, x []T) {
	start := [1]int{}
	c := [1]float64{1}
	x = x[:len(y)]
	n := l.split(len(y))
	for i := 0; i < n; i += longest {
		part := y[i:min(i+longest, n)]
		switch x := any(x).(type) {
		case []float64:
			l.combine64Blocks(part, &x[i], &start[0], &c[0], 1)
		case []float32:
			l.combine32Blocks(part, &x[i], &start[0], &c[0], 1)
		}
	}
	for j := n; j < len(y); j++ {
		y[j] += float64(x[j])
	}
}
