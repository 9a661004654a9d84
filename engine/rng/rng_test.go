package rng

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The published known answers for philox4x32 with 10 rounds (Random123, tests/kat_vectors).
func TestKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{
			[4]uint32{}, [2]uint32{},
			[4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
		},
		{
			[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		join := func(lo, hi uint32) uint64 { return uint64(hi)<<32 | uint64(lo) }
		got := Block(join(c.key[0], c.key[1]), join(c.ctr[2], c.ctr[3]), join(c.ctr[0], c.ctr[1]))
		if got != c.want {
			t.Errorf("counter %08x key %08x: %08x, want %08x", c.ctr, c.key, got, c.want)
		}
	}
}

func TestUniformEnds(t *testing.T) {
	for _, c := range []struct {
		w    uint64
		want float64
	}{
		{0, 0x1p-53},
		{math.MaxUint64, 1 - 0x1p-53},
		{1 << 63, 0.5 + 0x1p-53},
		{1<<63 - 1, 0.5 - 0x1p-53},
	} {
		if got := Uniform(c.w); got != c.want {
			t.Errorf("Uniform(%#x) = %v, want %v", c.w, got, c.want)
		}
	}
}

// A range drawn in pieces, from any offset, is bitwise that part of the whole.
func TestSplitRanges(t *testing.T) {
	for name, fill := range map[string]func([]float64, uint64, uint64, uint64){"Uniforms": Uniforms, "Normals": Normals} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				seed, stream := rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "stream")
				offset := rapid.Uint64().Draw(t, "offset") // near 2^64 the index wraps round
				n := rapid.IntRange(0, 40).Draw(t, "n")
				whole := make([]float64, n)
				fill(whole, seed, stream, offset)
				cut := rapid.IntRange(0, n).Draw(t, "cut")
				pieces := make([]float64, n)
				fill(pieces[:cut], seed, stream, offset)
				fill(pieces[cut:], seed, stream, offset+uint64(cut))
				if !slices.Equal(whole, pieces) {
					t.Fatalf("whole %v, in pieces %v", whole, pieces)
				}
			})
		})
	}
}

// Neighbouring seeds, streams and offsets share no words.
func TestDistinct(t *testing.T) {
	seen := map[uint64]string{}
	for seed := range uint64(8) {
		for stream := range uint64(8) {
			for index := range uint64(32) {
				for k, w := range Words(seed, stream, index) {
					at := fmt.Sprint(seed, stream, index, k)
					if was, ok := seen[w]; ok {
						// 4096 words of 64 bits: a chance repeat has probability 5e-13.
						t.Fatalf("%s repeats %s", at, was)
					}
					seen[w] = at
				}
			}
		}
	}
}

// n independent numbers of a law with this standard deviation have a mean within 5 standard errors,
// but for one time in 1.7 million; the seed is fixed, so the check is too.
func checkMean(t *testing.T, what string, x []float64, f func(float64) float64, mean, std float64) {
	t.Helper()
	var s float64
	for _, v := range x {
		s += f(v)
	}
	s /= float64(len(x))
	if tol := 5 * std / math.Sqrt(float64(len(x))); !(math.Abs(s-mean) <= tol) {
		t.Errorf("%s: mean %.6f, want %.6f within %.6f", what, s, mean, tol)
	}
}

// checkKS compares the empirical distribution with cdf. sqrt(n) times the largest difference exceeds
// 2.5 with probability 2 exp(-2 2.5^2) = 7e-6 (Kolmogorov's law).
func checkKS(t *testing.T, x []float64, cdf func(float64) float64) {
	t.Helper()
	x = slices.Sorted(slices.Values(x))
	n := float64(len(x))
	var worst float64
	for i, v := range x {
		p := cdf(v)
		worst = max(worst, float64(i+1)/n-p, p-float64(i)/n)
	}
	if math.Sqrt(n)*worst > 2.5 {
		t.Errorf("Kolmogorov-Smirnov distance %.5f of %d numbers", worst, len(x))
	}
}

func TestUniformLaw(t *testing.T) {
	x := make([]float64, 200_001)
	Uniforms(x, 7, 3, 11)
	checkMean(t, "u", x, func(u float64) float64 { return u }, 0.5, math.Sqrt(1./12))
	checkMean(t, "(u-1/2)^2", x, func(u float64) float64 { return (u - .5) * (u - .5) }, 1./12, math.Sqrt(1./180))
	checkKS(t, x, func(u float64) float64 { return u })
	lag := make([]float64, len(x)-1)
	for i := range lag {
		lag[i] = (x[i] - .5) * (x[i+1] - .5)
	}
	checkMean(t, "lag 1", lag, func(v float64) float64 { return v }, 0, 1./12)
}

func TestNormalLaw(t *testing.T) {
	x := make([]float64, 200_001)
	Normals(x, 1<<40+5, 1<<33, 1)
	// The standard deviations of z^k are sqrt(E z^2k - (E z^k)^2), with E z^2, z^4, z^6, z^8 = 1, 3, 15, 105.
	pow := func(k float64) func(float64) float64 { return func(z float64) float64 { return math.Pow(z, k) } }
	checkMean(t, "z", x, pow(1), 0, 1)
	checkMean(t, "z^2", x, pow(2), 1, math.Sqrt2)
	checkMean(t, "z^3", x, pow(3), 0, math.Sqrt(15))
	checkMean(t, "z^4", x, pow(4), 3, math.Sqrt(96))
	checkKS(t, x, func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 })
	lag := make([]float64, len(x)-1)
	for i := range lag {
		lag[i] = x[i] * x[i+1]
	}
	checkMean(t, "lag 1", lag, func(v float64) float64 { return v }, 0, 1) // the two of a pair and of neighbours
	for i := range lag {
		lag[i] = x[i] * x[i] * x[i+1] * x[i+1]
	}
	checkMean(t, "lag 1 of squares", lag, func(v float64) float64 { return v }, 1, math.Sqrt(8))
}

func TestSourceIsTheStream(t *testing.T) {
	const n = 101
	want := make([]float64, n)
	got := make([]float64, n)
	Uniforms(want, 3, 9, 0)
	s := NewSource(3, 9)
	for i := range got {
		got[i] = s.Float64()
	}
	if !slices.Equal(got, want) {
		t.Error("Float64 is not Uniforms")
	}
	Normals(want, 3, 9, 0)
	s = NewSource(3, 9)
	for i := range got {
		got[i] = s.Normal()
	}
	if !slices.Equal(got, want) {
		t.Error("Normal is not Normals")
	}
	r := rand.New(NewSource(3, 9))
	if w := Words(3, 9, 0); r.Uint64() != w[0] || r.Uint64() != w[1] {
		t.Error("rand.New does not draw the stream's words")
	}
}

func TestIntn(t *testing.T) {
	s := NewSource(1, 2)
	const n, draws = 7, 70_000
	var count [n]float64
	for range draws {
		count[s.Intn(n)]++
	}
	var chi2 float64
	for _, c := range count {
		chi2 += (c - draws/n) * (c - draws/n) / (draws / n)
	}
	if chi2 > 35 { // chi-squared with 6 degrees of freedom exceeds 35 with probability 4e-6
		t.Errorf("chi-squared %.1f of counts %v", chi2, count)
	}
	// With n = 3 2^61 the multiply-shift alone would be biased: two of three numbers would come from
	// three words and the third from two. The share of multiples of 3 tells.
	const big = 3 << 61
	var third float64
	for range draws {
		v := s.Intn(big)
		if v < 0 || v >= big {
			t.Fatalf("Intn(%d) = %d", big, v)
		}
		if v%3 == 0 {
			third++
		}
	}
	if sd := math.Sqrt(draws * 2 / 9.); math.Abs(third-draws/3.) > 5*sd { // 5 standard errors
		t.Errorf("%v of %d draws are multiples of 3", third, draws)
	}
	defer func() {
		if recover() == nil {
			t.Error("Intn(0) does not panic")
		}
	}()
	s.Intn(0)
}

func TestPerm(t *testing.T) {
	s := NewSource(4, 0)
	const draws = 24_000
	count := map[[4]int]float64{}
	for range draws {
		count[[4]int(s.Perm(4))]++
	}
	var chi2 float64
	for _, c := range count {
		chi2 += (c - draws/24) * (c - draws/24) / (draws / 24)
	}
	if len(count) != 24 || chi2 > 70 { // 23 degrees of freedom: above 70 with probability 1.3e-6
		t.Errorf("%d permutations, chi-squared %.1f", len(count), chi2)
	}
	p := s.Perm(1000)
	slices.Sort(p)
	for i, v := range p {
		if v != i {
			t.Fatalf("not a permutation: %d at %d", v, i)
		}
	}
	if len(s.Perm(0)) != 0 {
		t.Error("Perm(0) is not empty")
	}
}

func BenchmarkNormals(b *testing.B) {
	x := make([]float64, 4096)
	b.SetBytes(int64(8 * len(x)))
	for b.Loop() {
		Normals(x, 1, 2, 3)
	}
}

// A source that is written and read back, after any draws, goes on with the same numbers.
func TestSourceMarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSource(rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "stream"))
		draw := func(s *Source, kind int) float64 {
			switch kind {
			case 0:
				return s.Normal()
			case 1:
				return s.Float64()
			}
			return float64(s.Intn(1000))
		}
		kinds := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 9)
		for _, k := range kinds.Draw(t, "before") {
			draw(s, k)
		}
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		read := new(Source)
		if err := read.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		for i, k := range kinds.Draw(t, "after") {
			if a, b := draw(s, k), draw(read, k); a != b {
				t.Fatalf("draw %d: %v, read back %v", i, a, b)
			}
		}
		if read.UnmarshalBinary(b[1:]) == nil {
			t.Fatal("a part of a source is one")
		}
	})
}
