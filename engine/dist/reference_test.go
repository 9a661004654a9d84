package dist

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/cpu"
	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// explicit is a mixture written out with full covariances, the slow reference: log densities by Cholesky
// factors, posterior means by Tweedie's formula.
type explicit struct {
	w     []float64
	means [][]float64
	covs  []*mat.SymDense
}

func (m explicit) dim() int { return len(m.means[0]) }

// logs returns log w_k N(x; a m_k, a^2 C_k + s^2 I) and the Gaussians' own scores.
func (m explicit) logs(x []float64, a, s float64) (logs []float64, scores [][]float64) {
	d := m.dim()
	for k := range m.w {
		c := mat.NewSymDense(d, nil)
		for i := range d {
			for j := i; j < d; j++ {
				v := a * a * m.covs[k].At(i, j)
				if i == j {
					v += s * s
				}
				c.SetSym(i, j, v)
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(c) {
			panic("reference covariance is not positive definite")
		}
		y := mat.NewVecDense(d, nil)
		for i := range d {
			y.SetVec(i, x[i]-a*m.means[k][i])
		}
		var z mat.VecDense
		if err := chol.SolveVecTo(&z, y); err != nil {
			panic(err)
		}
		logs = append(logs, math.Log(m.w[k])-.5*(mat.Dot(y, &z)+chol.LogDet()+float64(d)*math.Log(2*math.Pi)))
		g := make([]float64, d)
		for i := range g {
			g[i] = -z.AtVec(i)
		}
		scores = append(scores, g)
	}
	return logs, scores
}

func lse(x []float64) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, v)
	}
	s := 0.0
	for _, v := range x {
		s += math.Exp(v - m)
	}
	return m + math.Log(s)
}

func (m explicit) logp(x []float64, a, s float64) float64 {
	logs, _ := m.logs(x, a, s)
	return lse(logs)
}

// velocity needs a > 0.
func (m explicit) velocity(x, coef []float64) []float64 {
	a, s, c1, c2 := coef[0], coef[1], coef[2], coef[3]
	logs, scores := m.logs(x, a, s)
	total := lse(logs)
	v := make([]float64, len(x))
	for i := range v {
		g := 0.0
		for k := range logs {
			g += math.Exp(logs[k]-total) * scores[k][i]
		}
		v[i] = c1*(x[i]+s*s*g)/a + c2*g
	}
	return v
}

// along returns (dv/dx) t by central differences.
func (m explicit) along(x, coef, t []float64) []float64 {
	const h = 1e-5
	xp, xm := make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		xp[i], xm[i] = x[i]+h*t[i], x[i]-h*t[i]
	}
	vp, vm := m.velocity(xp, coef), m.velocity(xm, coef)
	for i := range vp {
		vp[i] = (vp[i] - vm[i]) / (2 * h)
	}
	return vp
}

// times is the law of two independent blocks.
func (m explicit) times(o explicit) explicit {
	var out explicit
	for k := range m.w {
		for l := range o.w {
			out.w = append(out.w, m.w[k]*o.w[l])
			out.means = append(out.means, append(append([]float64{}, m.means[k]...), o.means[l]...))
			d, e := m.dim(), o.dim()
			c := mat.NewSymDense(d+e, nil)
			for i := range d {
				for j := i; j < d; j++ {
					c.SetSym(i, j, m.covs[k].At(i, j))
				}
			}
			for i := range e {
				for j := i; j < e; j++ {
					c.SetSym(d+i, d+j, o.covs[l].At(i, j))
				}
			}
			out.covs = append(out.covs, c)
		}
	}
	return out
}

// rotated is the law of R x.
func (m explicit) rotated(r *mat.Dense) explicit {
	out := explicit{w: m.w}
	d := m.dim()
	for k := range m.w {
		var mean mat.VecDense
		mean.MulVec(r, mat.NewVecDense(d, m.means[k]))
		var c mat.Dense
		c.Product(r, m.covs[k], r.T())
		sym := mat.NewSymDense(d, nil)
		for i := range d {
			for j := i; j < d; j++ {
				sym.SetSym(i, j, c.At(i, j)/2+c.At(j, i)/2)
			}
		}
		out.means = append(out.means, mean.RawVector().Data)
		out.covs = append(out.covs, sym)
	}
	return out
}

// root returns f of a symmetric matrix by its own eigen-decomposition.
func root(c *mat.SymDense, f func(float64) float64) *mat.Dense {
	var e mat.EigenSym
	if !e.Factorize(c, true) {
		panic("reference eigenvalues")
	}
	var q, out mat.Dense
	e.VectorsTo(&q)
	l := e.Values(nil)
	for i := range l {
		l[i] = f(l[i])
	}
	out.Product(&q, mat.NewDiagDense(len(l), l), q.T())
	return &out
}

func newSource(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// randomSPD returns a random covariance with eigenvalues of about .1 to 2.
func randomSPD(rnd *rand.Rand, d int) *mat.SymDense {
	a := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			a.Set(i, j, rnd.NormFloat64()/math.Sqrt(float64(d)))
		}
	}
	c := mat.NewSymDense(d, nil)
	c.SymOuterK(.5, a)
	for i := range d {
		c.SetSym(i, i, c.At(i, i)+.1)
	}
	return c
}

// randomRotation returns an orthogonal matrix.
func randomRotation(rnd *rand.Rand, d int) *mat.Dense {
	a := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			a.Set(i, j, rnd.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(a)
	var q mat.Dense
	qr.QTo(&q)
	return &q
}

func scaled(d int, v float64) *mat.SymDense {
	c := mat.NewSymDense(d, nil)
	for i := range d {
		c.SetSym(i, i, v)
	}
	return c
}

// openEngine returns a CPU engine that the test closes.
func openEngine(t testing.TB) engine.Engine {
	t.Helper()
	e := cpu.New(cpu.Options{})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func upload(t testing.TB, e engine.Engine, b, n, d int, x []float64) engine.Buffer {
	t.Helper()
	buf, err := e.Alloc(engine.F64, b, n, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(buf, 0, x); err != nil {
		t.Fatal(err)
	}
	return buf
}

func zeros(t testing.TB, e engine.Engine, b, n, d int) engine.Buffer {
	t.Helper()
	return upload(t, e, b, n, d, make([]float64, b*n*d))
}

func download(t testing.TB, e engine.Engine, x engine.Buffer) []float64 {
	t.Helper()
	out := make([]float64, engine.Len(x))
	if err := e.Read(out, x, 0); err != nil {
		t.Fatal(err)
	}
	return out
}
