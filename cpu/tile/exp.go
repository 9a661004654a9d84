package tile

// Exp sets dst_j = e^(z_j - m) where z_j <= m, with an error below 0.95 units in the last place (plain Go:
// 0.53), and returns the sum. dst may be z. NaNs stay. Below e^-690, about 1e-300, the result is exactly 0:
// products with such weights would be subnormal, which is slow on many processors, and add nothing.
func (l Level) Exp(dst, z []float64, m float64) (sum float64) {
	dst = dst[:len(z)]
	if l == Plain || len(z) < Block {
		return expPlain(dst, z, m)
	}
	return l.inBlocks(dst, z, m, false)
}

// Exp32 is Exp in the accuracy of float32: the relative error is at most (|x| + 2.3) 2^-24 for x = z_j - m,
// and below e^-87, about 1e-38, the result may be 0.
func (l Level) Exp32(dst, z []float64, m float64) (sum float64) {
	dst = dst[:len(z)]
	if l == Plain || len(z) < Block {
		return expPlain(dst, z, m)
	}
	return l.inBlocks(dst, z, m, true)
}

func (l Level) inBlocks(dst, z []float64, m float64, single bool) (sum float64) {
	for n := l.split(len(z)); n > 0; n = l.split(len(z)) {
		n = min(n, longest)
		if single {
			sum += l.exp32Blocks(dst[:n], z[:n], m)
		} else {
			sum += l.expBlocks(dst[:n], z[:n], m)
		}
		dst, z = dst[n:], z[n:]
	}
	return sum + expPlain(dst, z, m)
}
