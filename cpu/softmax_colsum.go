package cpu

// colSumTask merges partial column sums [.., groups, m] in the order of the groups.
type colSumTask[T float] struct {
	sums      []float64
	out       []T
	groups, m int
}

func (p *colSumTask[T]) chunks() int { return (p.m + colSumChunk - 1) / colSumChunk }

func (p *colSumTask[T]) do(_ *worker, item int) {
	b, j0 := item/p.chunks(), item%p.chunks()*colSumChunk
	for j := j0; j < min(j0+colSumChunk, p.m); j++ {
		var sum float64
		for g := range p.groups {
			sum += p.sums[(b*p.groups+g)*p.m+j]
		}
		p.out[b*p.m+j] = T(sum)
	}
}
