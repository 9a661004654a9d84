//go:build emu && cgo

package emutest

import (
	"math"
	"testing"

	"monge/kernels/emu"
)

// open returns a client of a fresh driver, which must be empty again at the end.
func open(t testing.TB, module string) *Client {
	t.Helper()
	emu.Reset()
	c, err := Open(module)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if now, _ := emu.Count(); now != (emu.Live{}) {
			t.Errorf("still there after the context's end: %+v", now)
		}
		emu.Reset()
	})
	return c
}

func alloc(t testing.TB, c *Client, bytes int) uint64 {
	t.Helper()
	p, err := c.Alloc(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func upload[T any](t testing.TB, c *Client, x []T) uint64 {
	t.Helper()
	p := alloc(t, c, len(x)*8)
	if err := Upload(c, p, x); err != nil {
		t.Fatal(err)
	}
	return p
}

func launch(t testing.TB, c *Client, kernel string, grid, block Dim, dynamic int, p Params) {
	t.Helper()
	if err := c.Launch(kernel, grid, block, dynamic, p); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(); err != nil {
		t.Fatalf("%s: %v: %s", kernel, err, emu.LastFault())
	}
}

func download[T any](t testing.TB, c *Client, p uint64, n int) []T {
	t.Helper()
	x := make([]T, n)
	if err := Download(c, x, p); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestSums(t *testing.T) {
	c := open(t, "right")
	const n, blocks = 12345, 7
	x := make([]float32, n)
	var want float64
	for i := range x {
		x[i] = float32(math.Sin(float64(i))) + 1
		want += float64(x[i])
	}
	a, b := upload(t, c, x), alloc(t, c, 4*8*blocks)
	for _, k := range []struct {
		kernel string
		parts  int
	}{{"sum_blocks", blocks}, {"sum_warps", 8 * blocks}} {
		launch(t, c, k.kernel, Dim{blocks, 1, 1}, Dim{256, 1, 1}, 0, Params{A: a, B: b, N: n})
		var sum float64
		for _, v := range download[float32](t, c, b, k.parts) {
			sum += float64(v)
		}
		// Each float32 addition rounds by 2^-24; some 15 of them lie on a number's way.
		if math.Abs(sum-want) > 15*want/(1<<24) {
			t.Errorf("%s: %v, want %v", k.kernel, sum, want)
		}
	}
}

func TestMultiply(t *testing.T) {
	c := open(t, "right")
	const n, m, k = 37, 21, 50 // no multiples of the tile
	x, y := make([]float64, n*k), make([]float64, k*m)
	for i := range x {
		x[i] = math.Cos(float64(3 * i))
	}
	for i := range y {
		y[i] = math.Sin(float64(i * i))
	}
	out := alloc(t, c, n*m*8)
	launch(t, c, "multiply", Dim{2, 3, 1}, Dim{16, 16, 1}, 0, Params{A: upload(t, c, x), B: upload(t, c, y), C: out, N: n, M: m, K: k})
	got := download[float64](t, c, out, n*m)
	for i := range n {
		for j := range m {
			var s float64
			for l := range k {
				s = math.FMA(x[i*k+l], y[l*m+j], s)
			}
			if got[i*m+j] != s { // the same roundings in the same order
				t.Fatalf("(%d, %d): %v, want %v", i, j, got[i*m+j], s)
			}
		}
	}
}

func TestHistogram(t *testing.T) {
	c := open(t, "right")
	x := make([]uint8, 5000)
	var want [16]uint32
	for i := range x {
		x[i] = uint8(i * i * 7)
		want[x[i]%16]++
	}
	b := alloc(t, c, 64)
	if err := c.Fill(b, 0, 16); err != nil {
		t.Fatal(err)
	}
	launch(t, c, "histogram", Dim{3, 1, 1}, Dim{256, 1, 1}, 0, Params{A: upload(t, c, x), B: b, N: int64(len(x))})
	if got := download[uint32](t, c, b, 16); [16]uint32(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWarps(t *testing.T) {
	c := open(t, "right")
	b := alloc(t, c, 1024)
	launch(t, c, "pass_round", Dim{1, 1, 1}, Dim{256, 1, 1}, 0, Params{B: b})
	for i, v := range download[int32](t, c, b, 256) {
		first, lane := i/32*32, i%32
		if want := int32(first + (lane+2)%32 + 1000*(first+(lane+1)%32)); v != want {
			t.Errorf("thread %d has %d, want %d", i, v, want)
		}
	}
	const n = 11
	launch(t, c, "votes", Dim{1, 1, 1}, Dim{32, 1, 1}, 0, Params{B: b, N: n})
	got := download[uint32](t, c, b, 3*n)
	for l := range n {
		var odd, match uint32
		for o := range n {
			odd |= uint32(o&1) << o
			if o%3 == l%3 {
				match |= 1 << o
			}
		}
		if got[3*l] != odd || got[3*l+1] != 1+2 || got[3*l+2] != match {
			t.Errorf("lane %d: %x %d %x", l, got[3*l], got[3*l+1], got[3*l+2])
		}
	}
}

func TestDynamicShared(t *testing.T) {
	c := open(t, "right")
	const n = 1000
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	b := alloc(t, c, 8*n)
	p := Params{A: upload(t, c, x), B: b, N: n}
	launch(t, c, "reverse", Dim{1, 1, 1}, Dim{n, 1, 1}, 8*n, p)
	for i, v := range download[float64](t, c, b, n) {
		if v != float64(n-1-i) {
			t.Fatalf("%d: %v", i, v)
		}
	}
	// Above 48 KiB a function must be told first.
	if err := c.Launch("reverse", Dim{1, 1, 1}, Dim{n, 1, 1}, 49<<10, p); err != Status(1) {
		t.Errorf("49 KiB of dynamic shared memory: %v", err)
	}
}

// TestMatrices: small integers multiply exactly.
func TestMatrices(t *testing.T) {
	c := open(t, "right")
	number := func(i, k int) int { return (i*i+3*k)%7 - 3 }
	a, b := make([]uint16, 16*16), make([]uint16, 8*16)
	for i := range a {
		a[i] = halfOf(number(i/16, i%16))
	}
	for i := range b {
		b[i] = halfOf(number(5+i/16, i%16*i))
	}
	out := alloc(t, c, 4*16*8)
	launch(t, c, "multiply_halves", Dim{1, 1, 1}, Dim{32, 1, 1}, 0, Params{A: upload(t, c, a), B: upload(t, c, b), C: out})
	for at, got := range download[float32](t, c, out, 16*8) {
		want := 0
		for k := range 16 {
			want += number(at/8, k) * number(5+at%8, k*(at%8*16+k))
		}
		if got != float32(want) {
			t.Fatalf("(%d, %d): %v, want %d", at/8, at%8, got, want)
		}
	}
}

// halfOf returns -3 to 3 as fp16.
func halfOf(x int) uint16 {
	return [...]uint16{0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200}[x+3]
}

// TestGroups: products of small integers by a warpgroup are exact with every swizzle that a descriptor can name, and a
// descriptor that says where rows are not gives other numbers.
func TestGroups(t *testing.T) {
	c := open(t, "right")
	emu.Set(emu.Faults{Capability: 90})
	number := func(i, k int) int { return (i*i+3*k+i*k)%61%7 - 3 }
	a, b := make([]uint16, 64*64), make([]uint16, 128*64)
	for i := range a {
		a[i] = halfOf(number(i/64, i%64))
	}
	for i := range b {
		b[i] = halfOf(number(5+i/64, i%64))
	}
	p := Params{A: upload(t, c, a), B: upload(t, c, b), C: alloc(t, c, 4*64*128)}
	run := func(swizzle, stride int64) (wrong int) {
		p.N, p.M = swizzle, stride
		launch(t, c, "multiply_group", Dim{1, 1, 1}, Dim{128, 1, 1}, 192*128, p)
		for at, got := range download[float32](t, c, p.C, 64*128) {
			want := 0
			for k := range 64 {
				want += number(at/128, k) * number(5+at%128, k)
			}
			if got != float32(want) {
				wrong++
			}
		}
		return wrong
	}
	for swizzle := range int64(4) {
		if wrong := run(swizzle, 0); wrong != 0 {
			t.Errorf("swizzle %d: %d numbers are wrong", swizzle, wrong)
		}
		if wrong := run(swizzle, 64); wrong < 64*128/2 {
			t.Errorf("swizzle %d: a wrong stride makes %d numbers wrong", swizzle, wrong)
		}
	}
	// With the left factor in registers, and the right one by rows.
	for _, columns := range []int64{64, 32} {
		b := make([]uint16, 64*columns)
		for i := range b {
			b[i] = halfOf(number(5+i%int(columns), i/int(columns)))
		}
		p := Params{A: p.A, B: upload(t, c, b), C: alloc(t, c, int(4*64*columns)), K: columns}
		run := func(swizzle, stride int64) (wrong int64) {
			p.N, p.M = swizzle, stride
			launch(t, c, "multiply_columns", Dim{1, 1, 1}, Dim{128, 1, 1}, 64*128, p)
			for at, got := range download[float32](t, c, p.C, int(64*columns)) {
				want := 0
				for k := range 64 {
					want += number(at/int(columns), k) * number(5+at%int(columns), k)
				}
				if got != float32(want) {
					wrong++
				}
			}
			return wrong
		}
		for swizzle := range int64(4) {
			if wrong := run(swizzle, 0); wrong != 0 {
				t.Errorf("swizzle %d: %d numbers of %d columns by rows are wrong", swizzle, wrong, columns)
			}
			if columns < 64 {
				continue // with gaps between the rows that a wrong stride would read
			}
			if wrong := run(swizzle, 64); wrong < 64*columns/2 {
				t.Errorf("swizzle %d: a wrong stride makes %d numbers wrong by rows", swizzle, wrong)
			}
		}
	}
	emu.Set(emu.Faults{})
	if err := c.Launch("multiply_group", Dim{1, 1, 1}, Dim{128, 1, 1}, 192*128, p); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(); err != illegalInstruction {
		t.Errorf("on a device of compute capability 8.0: %v", err)
	}
}

func BenchmarkLaunch(b *testing.B) {
	for _, kernel := range []string{"sum_blocks", "sum_warps"} {
		b.Run(kernel, func(b *testing.B) {
			c := open(b, "right")
			const n = 25600
			p := Params{A: upload(b, c, make([]float32, n)), B: alloc(b, c, 4*800), N: n}
			for b.Loop() {
				launch(b, c, kernel, Dim{100, 1, 1}, Dim{256, 1, 1}, 0, p)
			}
		})
	}
}
