package tile

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// BenchmarkSinkhornKernels tells the least time that a kernel takes for a pair on one core, at d = 64 where there are
// coordinates, with its arrays in the first cache or the second: what a pass cannot be faster than.
func BenchmarkSinkhornKernels(b *testing.B) {
	for _, l := range Levels() {
		if l == Plain {
			continue
		}
		kernelTimes[float32](b, l, "f32")
		kernelTimes[float64](b, l, "f64")
	}
}

func kernelTimes[T Float](b *testing.B, l Level, name string) {
	const d = 64
	for _, tiles := range []int{4, 64} {
		k, wide := SinkhornOf[T](l, true), SinkhornOf[float64](l, true)
		cols := tiles * k.Cols()
		pairs := k.Rows * cols
		x, y, z := make([]T, d*k.Rows), make([]T, d*cols), make([]T, pairs)
		u, c, q := make([]T, cols), make([]T, cols), make([]T, k.Rows)
		w := &SinkhornBlock[T]{Ref: q, S: make([]T, k.Rows), R: make([]T, k.Rows*k.Lanes), E: make([]T, pairs)}
		u64, c64, t := make([]float64, cols), make([]float64, cols), make([]float64, k.Rows*wide.Lanes)
		w64 := &SinkhornBlock[float64]{Ref: make([]float64, k.Rows), S: make([]float64, k.Rows), R: make([]float64, k.Rows*wide.Lanes), E: make([]float64, pairs)}
		for _, f := range []struct {
			name string
			run  func()
		}{
			{"dots", func() { k.Dots(z, x, y, d) }},
			{"stream", func() { k.Stream(w, 0, x, y, u, d, 1, c) }},
			{"cached", func() { k.Cached(w, 0, z, u, 1, c) }},
			{"scores", func() { k.Scores(w64, t, 0, z, u64, u64, 1, c64) }},
			{"peaks", func() { k.Peaks(z, u, 1, w.R) }},
			{"colPeaks", func() { k.ColPeaks(z, q, 1, c) }},
		} {
			b.Run(fmt.Sprintf("%v/%s/%s/tiles=%d", l, name, f.name, tiles), func(b *testing.B) {
				least := math.Inf(1)
				for b.Loop() {
					start := time.Now()
					f.run()
					least = min(least, float64(time.Since(start).Nanoseconds()))
				}
				b.ReportMetric(least/float64(pairs), "ns/pair")
			})
		}
	}
}
