package tile

// What follows is called for whole blocks, at least one, and never at Plain.

func (l Level) expBlocks(dst, z []float64, m float64) float64 {
	if l == AVX512 {
		return expAVX512(&dst[0], &z[0], len(z), m)
	}
	return expAVX2(&dst[0], &z[0], len(z), m)
}

func (l Level) exp32Blocks(dst, z []float64, m float64) float64 {
	if l == AVX512 {
		return exp32AVX512(&dst[0], &z[0], len(z), m)
	}
	return exp32AVX2(&dst[0], &z[0], len(z), m)
}

func (l Level) maxBlocks(z []float64, m float64) float64 {
	if l == AVX512 {
		return maxAVX512(&z[0], len(z), m)
	}
	return maxAVX2(&z[0], len(z), m)
}

func (l Level) logBlocks(dst, x []float64) {
	if l == AVX512 {
		logAVX512(&dst[0], &x[0], len(x))
	} else {
		logAVX2(&dst[0], &x[0], len(x))
	}
}

func (l Level) addScaledBlocks(y, x []float64, c float64) {
	if l == AVX512 {
		addScaledAVX512(&y[0], &x[0], c, len(y))
	} else {
		addScaledAVX2(&y[0], &x[0], c, len(y))
	}
}

func (l Level) dotBlocks(x, y []float64) float64 {
	if l == AVX512 {
		return dotAVX512(&x[0], &y[0], len(x))
	}
	return dotAVX2(&x[0], &y[0], len(x))
}

func (l Level) narrowBlocks(dst []float32, x []float64) {
	if l == AVX512 {
		narrowAVX512(&dst[0], &x[0], len(x))
	} else {
		narrowAVX2(&dst[0], &x[0], len(x))
	}
}

func (l Level) affine64Blocks(z []float64, x []float64, u []float64, s, m float64) float64 {
	if l == AVX512 {
		return affine64AVX512(&z[0], &x[0], &u[0], s, len(z), m)
	}
	return affine64AVX2(&z[0], &x[0], &u[0], s, len(z), m)
}

func (l Level) weighted64Blocks(x []float64, w []float64) float64 {
	if l == AVX512 {
		return weighted64AVX512(&x[0], &w[0], len(x))
	}
	return weighted64AVX2(&x[0], &w[0], len(x))
}

func (l Level) affine32Blocks(z []float64, x []float32, u []float64, s, m float64) float64 {
	if l == AVX512 {
		return affine32AVX512(&z[0], &x[0], &u[0], s, len(z), m)
	}
	return affine32AVX2(&z[0], &x[0], &u[0], s, len(z), m)
}

func (l Level) weighted32Blocks(x []float32, w []float64) float64 {
	if l == AVX512 {
		return weighted32AVX512(&x[0], &w[0], len(x))
	}
	return weighted32AVX2(&x[0], &w[0], len(x))
}

func (l Level) directBlocks(z, k []float64, ld int, q *[4]float64, u []float64, s, m float64) float64 {
	if l == AVX512 {
		return directAVX512(&z[0], &k[0], ld, &q[0], &u[0], s, len(z), m)
	}
	return directAVX2(&z[0], &k[0], ld, &q[0], &u[0], s, len(z), m)
}

func (l Level) variancesBlocks(inv, lam []float64, a2, s2 float64, out *[4]float64) {
	if l == AVX512 {
		variancesAVX512(&inv[0], &lam[0], len(inv), a2, s2, out)
	} else {
		variancesAVX2(&inv[0], &lam[0], len(inv), a2, s2, out)
	}
}

func (l Level) ratiosBlocks(a, lam, inv []float64, f, c float64) {
	if l == AVX512 {
		ratiosAVX512(&a[0], &lam[0], &inv[0], len(a), f, c)
	} else {
		ratiosAVX2(&a[0], &lam[0], &inv[0], len(a), f, c)
	}
}

func (l Level) centre64Blocks(y, x, m []float64, alpha float64) {
	if l == AVX512 {
		centre64AVX512(&y[0], &x[0], &m[0], alpha, len(y))
	} else {
		centre64AVX2(&y[0], &x[0], &m[0], alpha, len(y))
	}
}

func (l Level) scale64Blocks(y, z []float64, a []float64, c float64) {
	if l == AVX512 {
		scale64AVX512(&y[0], &z[0], &a[0], c, len(y))
	} else {
		scale64AVX2(&y[0], &z[0], &a[0], c, len(y))
	}
}

func (l Level) rescale64Blocks(y, z []float64, lam, inv []float64, f, c float64) {
	if l == AVX512 {
		rescale64AVX512(&y[0], &z[0], &lam[0], &inv[0], f, c, len(y))
	} else {
		rescale64AVX2(&y[0], &z[0], &lam[0], &inv[0], f, c, len(y))
	}
}

func (l Level) centre32Blocks(y, x, m []float32, alpha float64) {
	if l == AVX512 {
		centre32AVX512(&y[0], &x[0], &m[0], alpha, len(y))
	} else {
		centre32AVX2(&y[0], &x[0], &m[0], alpha, len(y))
	}
}

func (l Level) scale32Blocks(y, z []float32, a []float64, c float64) {
	if l == AVX512 {
		scale32AVX512(&y[0], &z[0], &a[0], c, len(y))
	} else {
		scale32AVX2(&y[0], &z[0], &a[0], c, len(y))
	}
}

func (l Level) rescale32Blocks(y, z []float32, lam, inv []float64, f, c float64) {
	if l == AVX512 {
		rescale32AVX512(&y[0], &z[0], &lam[0], &inv[0], f, c, len(y))
	} else {
		rescale32AVX2(&y[0], &z[0], &lam[0], &inv[0], f, c, len(y))
	}
}

func (l Level) less64Blocks(y, x, m []float64) {
	if l == AVX512 {
		less64AVX512(&y[0], &x[0], &m[0], len(y))
	} else {
		less64AVX2(&y[0], &x[0], &m[0], len(y))
	}
}

func (l Level) less32Blocks(y, x []float32, m []float64) {
	if l == AVX512 {
		less32AVX512(&y[0], &x[0], &m[0], len(y))
	} else {
		less32AVX2(&y[0], &x[0], &m[0], len(y))
	}
}

func (l Level) combine64Blocks(dst []float64, x *float64, offset *int, coef *float64, terms int) {
	if l == AVX512 {
		combine64AVX512(&dst[0], len(dst), x, offset, coef, terms)
	} else {
		combine64AVX2(&dst[0], len(dst), x, offset, coef, terms)
	}
}

func (l Level) combine32Blocks(dst []float64, x *float32, offset *int, coef *float64, terms int) {
	if l == AVX512 {
		combine32AVX512(&dst[0], len(dst), x, offset, coef, terms)
	} else {
		combine32AVX2(&dst[0], len(dst), x, offset, coef, terms)
	}
}

func (l Level) errors64Blocks(v, x []float64, atol, rtol float64) float64 {
	if l == AVX512 {
		return errors64AVX512(&v[0], &x[0], len(v), atol, rtol)
	}
	return errors64AVX2(&v[0], &x[0], len(v), atol, rtol)
}

func (l Level) errors32Blocks(v []float64, x []float32, atol, rtol float64) float64 {
	if l == AVX512 {
		return errors32AVX512(&v[0], &x[0], len(v), atol, rtol)
	}
	return errors32AVX2(&v[0], &x[0], len(v), atol, rtol)
}

// product64 multiplies a tile of r rows and v vectors of columns.
func (l Level) product64(r, v int, a *float64, lda int, b *float64, ldb int, c *float64, ldc, k int, add bool) {
	switch int(l)<<8 | r<<2 | v {
	case int(AVX2)<<8 | 6<<2 | 1:
		product64AVX2_6x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 6<<2 | 2:
		product64AVX2_6x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 4<<2 | 1:
		product64AVX2_4x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 4<<2 | 2:
		product64AVX2_4x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 2<<2 | 1:
		product64AVX2_2x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 1<<2 | 1:
		product64AVX2_1x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 2<<2 | 2:
		product64AVX2_2x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 1<<2 | 2:
		product64AVX2_1x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 12<<2 | 1:
		product64AVX512_12x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 12<<2 | 2:
		product64AVX512_12x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 4<<2 | 1:
		product64AVX512_4x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 4<<2 | 2:
		product64AVX512_4x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 2<<2 | 1:
		product64AVX512_2x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 1<<2 | 1:
		product64AVX512_1x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 2<<2 | 2:
		product64AVX512_2x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 1<<2 | 2:
		product64AVX512_1x2(a, lda, b, ldb, c, ldc, k, add)
	default:
		panic("tile: no such tile")
	}
}

// product32 multiplies a tile of r rows and v vectors of columns.
func (l Level) product32(r, v int, a *float32, lda int, b *float32, ldb int, c *float32, ldc, k int, add bool) {
	switch int(l)<<8 | r<<2 | v {
	case int(AVX2)<<8 | 6<<2 | 1:
		product32AVX2_6x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 6<<2 | 2:
		product32AVX2_6x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 4<<2 | 1:
		product32AVX2_4x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 4<<2 | 2:
		product32AVX2_4x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 2<<2 | 1:
		product32AVX2_2x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 1<<2 | 1:
		product32AVX2_1x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 2<<2 | 2:
		product32AVX2_2x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX2)<<8 | 1<<2 | 2:
		product32AVX2_1x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 12<<2 | 1:
		product32AVX512_12x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 12<<2 | 2:
		product32AVX512_12x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 4<<2 | 1:
		product32AVX512_4x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 4<<2 | 2:
		product32AVX512_4x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 2<<2 | 1:
		product32AVX512_2x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 1<<2 | 1:
		product32AVX512_1x1(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 2<<2 | 2:
		product32AVX512_2x2(a, lda, b, ldb, c, ldc, k, add)
	case int(AVX512)<<8 | 1<<2 | 2:
		product32AVX512_1x2(a, lda, b, ldb, c, ldc, k, add)
	default:
		panic("tile: no such tile")
	}
}
