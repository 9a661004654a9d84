package tile

func (l Level) sinkhorn64(stream bool) *Sinkhorn[float64] {
	switch {
	case l == AVX2:
		return &Sinkhorn[float64]{6, 4, sinkhornKernels[float64]{dots64AVX2_6, stream64AVX2_6, cached64AVX2_6, peaks64AVX2_6, colPeaks64AVX2_6, columns64AVX2_6, rowSums64AVX2, scores64AVX2_6}}
	case stream:
		return &Sinkhorn[float64]{12, 8, sinkhornKernels[float64]{dots64AVX512_12, stream64AVX512_12, cached64AVX512_12, peaks64AVX512_12, colPeaks64AVX512_12, columns64AVX512_12, rowSums64AVX512, scores64AVX512_12}}
	}
	return &Sinkhorn[float64]{8, 8, sinkhornKernels[float64]{dots64AVX512_8, nil, cached64AVX512_8, peaks64AVX512_8, colPeaks64AVX512_8, columns64AVX512_8, rowSums64AVX512, scores64AVX512_8}}
}

func (l Level) sinkhorn32(stream bool) *Sinkhorn[float32] {
	switch {
	case l == AVX2:
		return &Sinkhorn[float32]{6, 8, sinkhornKernels[float32]{dots32AVX2_6, stream32AVX2_6, cached32AVX2_6, peaks32AVX2_6, colPeaks32AVX2_6, columns32AVX2_6, rowSums32AVX2, scores32AVX2_6}}
	case stream:
		return &Sinkhorn[float32]{12, 16, sinkhornKernels[float32]{dots32AVX512_12, stream32AVX512_12, cached32AVX512_12, peaks32AVX512_12, colPeaks32AVX512_12, columns32AVX512_12, rowSums32AVX512, scores32AVX512_12}}
	}
	return &Sinkhorn[float32]{8, 16, sinkhornKernels[float32]{dots32AVX512_8, nil, cached32AVX512_8, peaks32AVX512_8, colPeaks32AVX512_8, columns32AVX512_8, rowSums32AVX512, scores32AVX512_8}}
}
