package dist

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"monge/engine"
)

// TestSamplePrefix asserts that point i depends on (seed, i) alone, to the bit.
func TestSamplePrefix(t *testing.T) {
	cases := lawCases()
	big := must(Full(randomSPD(newSource(2), 96))) // large enough for blocked and parallel products
	cases = append(cases, lawCase{name: "gaussian/96", law: must(NewGaussian(make([]float64, 96), big))},
		lawCase{name: "rotation/96", law: must(NewRotation(must(NewCopies(G2(), 48)), randomRotation(newSource(1), 96)))})
	for _, c := range cases {
		d := c.law.Dim()
		long, n, dl, err := engine.Matrix(c.law.Sample(3, 700))
		if err != nil || n != 700 || dl != d {
			t.Fatal(c.name, n, dl, err)
		}
		for _, n := range []int{1, 3, 65} {
			short, _, _, _ := engine.Matrix(c.law.Sample(3, n))
			if !slices.Equal(short, long[:n*d]) {
				t.Errorf("%s: the first %d of 700 points differ from %d points", c.name, n, n)
			}
		}
		other, _, _, _ := engine.Matrix(c.law.Sample(4, 2))
		if slices.Equal(other, long[:2*d]) {
			t.Errorf("%s: seeds 3 and 4 give the same points", c.name)
		}
	}
}

// TestSampleMoments compares the first two moments of samples with those of the explicit mixture.
func TestSampleMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine")
	}
	const n = 40000
	for _, c := range lawCases() {
		ref := c.whole()
		d := ref.dim()
		x, _, _, _ := engine.Matrix(c.law.Sample(11, n))
		mean := make([]float64, d)
		for k, w := range ref.w {
			for j, v := range ref.means[k] {
				mean[j] += w * v
			}
		}
		second := func(i, j int) (want, got, spread float64) {
			for k, w := range ref.w {
				want += w * (ref.covs[k].At(i, j) + (ref.means[k][i]-mean[i])*(ref.means[k][j]-mean[j]))
			}
			s2 := 0.0
			for r := range n {
				v := (x[r*d+i] - mean[i]) * (x[r*d+j] - mean[j])
				got += v / n
				s2 += v * v / n
			}
			return want, got, math.Sqrt(s2 / n)
		}
		for i := range d {
			m, s2 := 0.0, 0.0
			for r := range n {
				m += (x[r*d+i] - mean[i]) / n
				s2 += math.Pow(x[r*d+i]-mean[i], 2) / n
			}
			// Five standard errors: about 200 numbers are compared, each fails by chance once in 2e6.
			if math.Abs(m) > 5*math.Sqrt(s2/n) {
				t.Errorf("%s: mean of coordinate %d is off by %v, standard error %v", c.name, i, m, math.Sqrt(s2/n))
			}
			for j := range i + 1 {
				if want, got, spread := second(i, j); math.Abs(want-got) > 5*spread {
					t.Errorf("%s: second moment [%d,%d] = %v, want %v, standard error %v", c.name, i, j, got, want, spread)
				}
			}
		}
	}
}

func TestSpectrum(t *testing.T) {
	for _, c := range lawCases() {
		ref := c.whole()
		g, ok := c.law.(GaussianLaw)
		if ok != (len(ref.w) == 1 && c.name != "points/one") {
			t.Errorf("%s: GaussianLaw is %v with %d components", c.name, ok, len(ref.w))
		}
		if !ok {
			continue
		}
		mean, values := g.Spectrum()
		checkClose(t, c.name+" mean", mean, ref.means[0], 1e-14)
		var l []float64
		e := root(ref.covs[0], func(l float64) float64 { return l })
		trace, square := 0.0, 0.0
		for i := range ref.dim() {
			trace += e.At(i, i)
			for j := range ref.dim() {
				square += e.At(i, j) * e.At(i, j)
			}
		}
		l = []float64{trace, square}
		got := []float64{0, 0}
		for _, v := range values {
			got[0] += v
			got[1] += v * v
		}
		checkClose(t, c.name+" trace and square", got, l, 1e-12)
	}
}

// TestLargeGaussian asserts that no d^2 work is done where the factors are known.
func TestLargeGaussian(t *testing.T) {
	const d, n = 12288, 4
	start := time.Now()
	law := must(RandomGaussian(d, 1))
	e := openEngine(t)
	f := must(law.Bind(e, engine.F64))
	defer f.Free()
	data, _, _, _ := engine.Matrix(law.Sample(1, n))
	var coef []float64
	for range n {
		coef = append(coef, 1, 0, 0, 1)
	}
	r := &Request{Coef: upload(t, e, 1, n, 4, coef), X: upload(t, e, 1, n, d, data), V: zeros(t, e, 1, n, d), Div: zeros(t, e, 1, n, 1)}
	if err := f.Eval(r); err != nil {
		t.Fatal(err)
	}
	// The score at the data end is -C^-1 (x - c), and its divergence -tr C^-1.
	v, div := download(t, e, r.V), download(t, e, r.Div)
	want := make([]float64, d)
	for i := range n {
		for j := range want {
			want[j] = law.Mean()[j] - data[i*d+j]
		}
		law.Covariance().Apply(want, want, func(l float64) float64 { return 1 / l })
		checkClose(t, "score", v[i*d:(i+1)*d], want, 1e-12)
	}
	_, values := law.Spectrum()
	trace := 0.0
	for _, l := range values {
		trace -= 1 / l
	}
	checkClose(t, "div", div, []float64{trace, trace, trace, trace}, 1e-12)
	if s := time.Since(start); s > 10*time.Second { // measured .1 s; a d^2 matrix alone would be 1.2 GB
		t.Errorf("took %v", s)
	}
	if slices.Min(values) < .1 || slices.Max(values) > 10 || slices.Max(values)/slices.Min(values) < 90 {
		t.Errorf("spectrum %v to %v, want .1 to 10", slices.Min(values), slices.Max(values))
	}
}

func TestDigits(t *testing.T) {
	x, n, d, err := engine.Matrix(Digits())
	if err != nil || n != 1797 || d != 64 {
		t.Fatal(n, d, err)
	}
	if slices.Min(x) != -1 || slices.Max(x) != 1 {
		t.Errorf("pixels from %v to %v, want -1 to 1", slices.Min(x), slices.Max(x))
	}
	if x[2] != 5./8-1 || x[3] != 13./8-1 { // the file starts 0,0,5,13
		t.Errorf("first row starts %v", x[:4])
	}
	var near []float64
	for i := range n {
		best := math.Inf(1)
		for j := range n {
			if i == j {
				continue
			}
			s := 0.0
			for k := range d {
				v := x[i*d+k] - x[j*d+k]
				if s += v * v; s >= best {
					break
				}
			}
			best = min(best, s)
		}
		near = append(near, math.Sqrt(best))
	}
	slices.Sort(near)
	if median := near[n/2]; math.Abs(.3*median-DigitsBandwidth) > 5e-4 {
		t.Errorf("median nearest neighbour at %v, .3 of it is not %v", median, DigitsBandwidth)
	}
}

func TestMoonsAndClusters(t *testing.T) {
	m := must(Moons(7, .05))
	x, n, _, _ := engine.Matrix(m.Rows())
	if n != 7 || m.Bandwidth() != .05 {
		t.Fatal(n, m.Bandwidth())
	}
	for i := range n {
		a, b := x[2*i], x[2*i+1]
		if i >= 4 { // the inner moon
			a, b = 1-a, .5-b
		}
		if math.Abs(math.Hypot(a, b)-1) > 1e-15 || b < -1e-15 {
			t.Errorf("point %d (%v, %v) is not on its half circle", i, x[2*i], x[2*i+1])
		}
	}
	c := must(Clusters(.1))
	if c.Components() != 4 || c.Dim() != 2 {
		t.Error("clusters")
	}
	w, mean, cov := c.Component(3)
	if w != .25 || !slices.Equal(mean, []float64{.5, .5}) || math.Abs(cov.Eigenvalues()[1]-.01) > 1e-17 {
		t.Error(w, mean, cov.Eigenvalues())
	}
}

func ExampleGaussian() {
	cov, _ := Diagonal([]float64{4, .25})
	law, _ := NewGaussian([]float64{1, 2}, cov)
	// The encoder's limit is the whitening S^-1/2 (x - c).
	z := []float64{3 - 1, 3 - 2}
	cov.Apply(z, z, func(l float64) float64 { return 1 / math.Sqrt(l) })
	fmt.Println(law.Dim(), z)
	// Output: 2 [1 2]
}
