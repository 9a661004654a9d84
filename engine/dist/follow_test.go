package dist

import (
	"math"
	"testing"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// frame returns x as seen by the blocks: R^T x.
func (c lawCase) frame(x []float64) []float64 {
	if c.rot == nil {
		return x
	}
	var y mat.VecDense
	y.MulVec(c.rot.T(), mat.NewVecDense(len(x), x))
	return y.RawVector().Data
}

func (c lawCase) unframe(x []float64) []float64 {
	if c.rot == nil {
		return x
	}
	var y mat.VecDense
	y.MulVec(c.rot, mat.NewVecDense(len(x), x))
	return y.RawVector().Data
}

// TestFollow compares Dominant and Follow of every law with the blocks' closed forms: matrix square roots for the
// flow of a component, explicit sums for the other components.
func TestFollow(t *testing.T) {
	for _, c := range lawCases() {
		t.Run(c.name, func(t *testing.T) {
			e := openEngine(t)
			f, ok := must(c.law.Bind(e, engine.F64)).(Jumper)
			if !ok {
				t.Fatal("not a Jumper")
			}
			defer f.Free()
			for _, n := range []int{6, 3} {
				followCase(t, e, f, c, n, 2)
			}
		})
	}
}

func followCase(t *testing.T, e engine.Engine, f Jumper, c lawCase, n, p int) {
	d := c.law.Dim()
	data, _, _, err := engine.Matrix(c.law.Sample(8, n))
	if err != nil {
		t.Fatal(err)
	}
	rnd := newSource(9)
	var x, from, to, tang []float64
	for i := range n {
		a0, a1 := testTimes[i%3], testTimes[(i+2)%len(testTimes)]
		from, to = append(from, a0...), append(to, a1...)
		for j := range d {
			x = append(x, a0[0]*data[i*d+j]+a0[1]*rnd.NormFloat64())
		}
		for range p * d {
			tang = append(tang, rnd.NormFloat64())
		}
	}
	branch, err := e.Alloc(engine.I32, 1, n, f.Branches())
	if err != nil {
		t.Fatal(err)
	}
	q := &Follow{
		Branch: branch, From: upload(t, e, 1, n, 4, from), To: upload(t, e, 1, n, 4, to),
		X: upload(t, e, 1, n, d, x), T: upload(t, e, n, p, d, tang),
		Y: zeros(t, e, 1, n, d), V: zeros(t, e, 1, n, d), TY: zeros(t, e, n, p, d),
		LogDet: zeros(t, e, 1, n, 1), Others: zeros(t, e, 1, n, 1),
	}
	if err := f.Dominant(branch, q.From, q.X); err != nil {
		t.Fatal(err)
	}
	if err := f.Follow(q); err != nil {
		t.Fatal(err)
	}
	var y, v, ty, logDet, others []float64
	for i := range n {
		a0, a1 := from[i*4:i*4+4], to[i*4:i*4+4]
		xi := c.frame(x[i*d : (i+1)*d])
		var ti [][]float64
		for j := range p {
			ti = append(ti, c.frame(tang[(i*p+j)*d:(i*p+j+1)*d]))
		}
		var yi, vi []float64
		tyi := make([][]float64, p)
		log := 0.0
		var other []float64
		for off, b := 0, 0; b < len(c.blocks); b++ {
			m := c.blocks[b]
			end := off + m.dim()
			k := m.dominant(xi[off:end], a0)
			step := m.move(k, a0, a1)
			yb, vb := step.point(xi[off:end]), []float64(nil)
			one := explicit{[]float64{1}, m.means[k : k+1], m.covs[k : k+1]}
			vb = one.velocity(yb, a1)
			yi, vi = append(yi, yb...), append(vi, vb...)
			for j := range p {
				tyi[j] = append(tyi[j], step.tangent(ti[j][off:end])...)
			}
			log += step.logDet
			other = append(other, m.others(k, yb, a1))
			off = end
		}
		y, v = append(y, c.unframe(yi)...), append(v, c.unframe(vi)...)
		for j := range p {
			ty = append(ty, c.unframe(tyi[j])...)
		}
		logDet = append(logDet, log)
		total := lse(other)
		if math.IsNaN(total) { // all blocks have one component
			total = math.Inf(-1)
		}
		others = append(others, total)
	}
	// Square roots by eigenvectors and Cholesky factors, conditions up to 1e3.
	checkClose(t, "Y", download(t, e, q.Y), y, 1e-11)
	checkClose(t, "V", download(t, e, q.V), v, 1e-10)
	checkClose(t, "TY", download(t, e, q.TY), ty, 1e-11)
	checkClose(t, "LogDet", download(t, e, q.LogDet), logDet, 1e-11)
	checkClose(t, "Others", download(t, e, q.Others), others, 1e-10)

	alone := zeros(t, e, 1, n, 1)
	if err := f.Follow(&Follow{Branch: branch, From: q.From, To: q.To, X: q.X, Others: alone}); err != nil {
		t.Fatal(err)
	}
	checkClose(t, "Others alone", download(t, e, alone), others, 1e-10)
}

func (m explicit) dominant(x, coef []float64) int {
	logs, _ := m.logs(x, coef[0], coef[1])
	best := 0
	for k := range logs {
		if logs[k] > logs[best] {
			best = k
		}
	}
	return best
}

func (m explicit) others(k int, y, coef []float64) float64 {
	logs, _ := m.logs(y, coef[0], coef[1])
	own := logs[k]
	rest := append(append([]float64{}, logs[:k]...), logs[k+1:]...)
	if len(rest) == 0 {
		return math.Inf(-1)
	}
	return lse(rest) - own
}

// step is the closed-form flow of one Gaussian: y = a1 m + A (x - a0 m).
type step struct {
	m      []float64
	a0, a1 float64
	a      *mat.Dense
	logDet float64
}

func (m explicit) move(k int, from, to []float64) step {
	ratio := func(l float64) float64 {
		return math.Sqrt((to[0]*to[0]*l + to[1]*to[1]) / (from[0]*from[0]*l + from[1]*from[1]))
	}
	s := step{m: m.means[k], a0: from[0], a1: to[0], a: root(m.covs[k], ratio)}
	s.logDet = math.Log(math.Abs(mat.Det(s.a)))
	return s
}

func (s step) tangent(t []float64) []float64 {
	var y mat.VecDense
	y.MulVec(s.a, mat.NewVecDense(len(t), t))
	return y.RawVector().Data
}

func (s step) point(x []float64) []float64 {
	z := make([]float64, len(x))
	for i := range x {
		z[i] = x[i] - s.a0*s.m[i]
	}
	z = s.tangent(z)
	for i := range z {
		z[i] += s.a1 * s.m[i]
	}
	return z
}
