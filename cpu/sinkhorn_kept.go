package cpu

import (
	"fmt"
	"unsafe"

	"monge/cpu/tile"
	"monge/engine"
)

// sinkhornKept is what passes over the same points share: the points packed for the kernels, and, where they are kept,
// the products of all pairs.
type sinkhornKept[T float] struct {
	engine.SinkhornDims
	heap          *heap
	x, y          engine.Buffer
	store         engine.SinkhornStore
	tile          *tile.Sinkhorn[T]
	d             int    // coordinates; one zero where there are none
	blocks, tiles int    // of rows and columns
	px, py        []T    // [B, blocks, d, rows of a block], [B, tiles, d, columns of a tile]
	z             []T    // [B, blocks, tiles, rows, columns], nil = not kept
	filled        []bool // problems whose products are there
	bytes         int64  // of the points
	reason        string
}

// readDims is how many coordinates take no longer to multiply than the product to read.
const readDims = 4

// keepSinkhorn returns what a keeps for passes over its points, and makes it where there is nothing yet.
func keepSinkhorn[T float](e *Engine, a *engine.Sinkhorn, s engine.SinkhornDims) (*sinkhornKept[T], error) {
	if k, ok := a.Kept.(*sinkhornKept[T]); ok && k.x == a.X && k.y == a.Y && k.store == a.Store && k.heap == e.heap {
		return k, nil
	}
	if a.Kept != nil {
		a.Kept.Free()
		a.Kept = nil
	}
	size := int64(unsafe.Sizeof(T(0)))
	bytes := float64(s.B) * float64(s.N) * float64(s.M) * float64(size)
	free := e.heap.free()
	if free /= 4; a.Memory > 0 {
		free = min(a.Memory, e.heap.free())
	}
	k := &sinkhornKept[T]{SinkhornDims: s, heap: e.heap, x: a.X, y: a.Y, store: a.Store, d: max(1, s.D)}
	stream := true
	switch {
	case a.Store == engine.StoreNone:
		k.reason = "streaming, as asked for"
	case a.Store == engine.StoreAlways && bytes > float64(free):
		return nil, fmt.Errorf("cpu: Sinkhorn: %w", &engine.MemoryError{What: "products of all pairs", Asked: int64(min(bytes, 1<<62)), Free: free})
	case a.Store == engine.StoreAlways:
		stream, k.reason = false, "products kept, as asked for"
	case bytes > float64(free):
		k.reason = fmt.Sprintf("streaming: products would take %.3g bytes, %d are allowed", bytes, free)
	case s.D <= readDims:
		k.reason = fmt.Sprintf("streaming: %d coordinates take no longer to multiply than a product to read", s.D)
	default:
		stream, k.reason = false, fmt.Sprintf("products kept: %.0f bytes of the %d that they may take", bytes, free)
	}
	k.tile = tile.SinkhornOf[T](e.level, stream)
	k.blocks = (s.N + k.tile.Rows - 1) / k.tile.Rows
	k.tiles = (s.M + k.tile.Cols() - 1) / k.tile.Cols()
	points := s.B * k.d * (k.blocks*k.tile.Rows + k.tiles*k.tile.Cols())
	k.bytes = size * int64(points)
	if !e.heap.reserve(k.bytes) {
		return nil, fmt.Errorf("cpu: Sinkhorn: %w", &engine.MemoryError{What: "packed points", Asked: k.bytes, Free: e.heap.free()})
	}
	k.px = aligned[T](s.B * k.d * k.blocks * k.tile.Rows)
	k.py = aligned[T](s.B * k.d * k.tiles * k.tile.Cols())
	if !stream {
		products, fit := s.B*k.blocks*k.size(), false
		if k.z, fit = getPages[T](e.heap, products); !fit {
			e.heap.unreserve(k.bytes)
			return nil, fmt.Errorf("cpu: Sinkhorn: %w", &engine.MemoryError{What: "products of all pairs", Asked: size * int64(products), Free: e.heap.free()})
		}
	}
	k.filled = make([]bool, s.B)
	p := &packTask[T]{k, max(1, packWork/(k.d*k.tile.Cols()))}
	e.run(p, s.B*p.items(), float64(points))
	a.Kept = k
	return k, nil
}

// Free implements engine.SinkhornKept.
func (k *sinkhornKept[T]) Free() {
	if k.heap != nil {
		k.heap.unreserve(k.bytes)
		if k.z != nil {
			giveBack(k.heap, k.z)
		}
	}
	*k = sinkhornKept[T]{reason: k.reason}
}

func (k *sinkhornKept[T]) String() string { return k.reason }

// problem returns the points and the memory of the products of problem b, and whether these are there.
func (k *sinkhornKept[T]) problem(b int) (px, py, z []T, filled bool) {
	nx, ny := k.d*k.blocks*k.tile.Rows, k.d*k.tiles*k.tile.Cols()
	px, py = k.px[b*nx:][:nx], k.py[b*ny:][:ny]
	if k.z != nil {
		n := k.blocks * k.size()
		z = k.z[b*n:][:n]
	}
	return px, py, z, k.filled[b]
}

// size is how many products a block has.
func (k *sinkhornKept[T]) size() int { return k.tiles * k.tile.Rows * k.tile.Cols() }

// packTask packs the points of all problems, some tiles of columns or as many blocks of rows an item.
type packTask[T float] struct {
	*sinkhornKept[T]
	per int
}

// packWork is how many numbers an item packs, about.
const packWork = 1 << 16

// items returns the items of one problem.
func (p *packTask[T]) items() int { return (p.blocks+p.per-1)/p.per + (p.tiles+p.per-1)/p.per }

func (p *packTask[T]) do(_ *worker, item int) {
	b, i := item/p.items(), item%p.items()
	if rows := (p.blocks + p.per - 1) / p.per; i >= rows {
		dst, width := p.py[b*p.d*p.tiles*p.tile.Cols():], p.tile.Cols()
		pack(dst, data[T](p.y)[b*p.M*p.D:], (i-rows)*p.per*width, min((i-rows+1)*p.per*width, p.M), p.M, p.D, width, false)
	} else {
		dst, width := p.px[b*p.d*p.blocks*p.tile.Rows:], p.tile.Rows
		pack(dst, data[T](p.x)[b*p.N*p.D:], i*p.per*width, min((i+1)*p.per*width, p.N), p.N, p.D, width, true)
	}
}

// pack writes points [first, last) of n, from a multiple of width on, as [blocks, d, width], and copies of the last one,
// or zeros, beside them.
func pack[T float](dst, x []T, first, last, n, d, width int, copies bool) {
	const some = 64 // coordinates whose part of a block stays in the first cache
	for i := first; i < last; i += width {
		for l0 := 0; l0 < d; l0 += some {
			l1 := min(l0+some, d)
			out := dst[i*d+l0*width:][:(l1-l0)*width]
			for r := range width {
				at := i + r
				if at >= n {
					if !copies {
						break
					}
					at = n - 1
				}
				for l, v := range x[at*d+l0 : at*d+l1] {
					out[l*width+r] = v
				}
			}
		}
	}
}
