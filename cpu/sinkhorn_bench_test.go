package cpu

import (
	"context"
	"fmt"
	"testing"

	"monge/cpu/tile"
	"monge/engine"
)

// BenchmarkSinkhorn times a pass at every level, streaming and with products kept, in ns for a pair and half an
// iteration.
func BenchmarkSinkhorn(b *testing.B) {
	for _, size := range []struct{ b, n, d, passes int }{{1, 4096, 64, 4}, {1, 8192, 64, 1}, {1, 4096, 3, 2}, {64, 256, 16, 100}} {
		for _, dt := range []engine.Dtype{engine.F32, engine.F64} {
			for _, l := range tile.Levels() {
				for _, store := range []engine.SinkhornStore{engine.StoreNone, engine.StoreAlways} {
					if l == tile.Plain && size.n > 256 {
						continue
					}
					b.Run(fmt.Sprintf("B=%d/n=%d/d=%d/%v/%v/kept=%v", size.b, size.n, size.d, dt, l, store == engine.StoreAlways), func(b *testing.B) {
						f := newFixture(b, dt, 0).at(l)
						op := f.sinkhorn(size.b, size.n, size.n, size.d, size.passes)
						op.Store = store
						if err := f.Engine.Sinkhorn(context.Background(), op); err != nil {
							b.Fatal(err)
						}
						for b.Loop() {
							if err := f.Engine.Sinkhorn(context.Background(), op); err != nil {
								b.Fatal(err)
							}
						}
						pairs := float64(size.b) * float64(size.n) * float64(size.n) * float64(size.passes)
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pairs/2, "ns/pair-half")
					})
				}
			}
		}
	}
}
