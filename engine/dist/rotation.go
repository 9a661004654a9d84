package dist

import (
	"fmt"
	"math"

	"monge/engine"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// rotation is the law of R y, y from another law, R orthogonal.
type rotation struct {
	of Distribution
	d  int
	r  []float64 // R [d, d]
}

// gaussianRotation is a rotation of a Gaussian law.
type gaussianRotation struct{ *rotation }

// NewRotation returns the law of R y for y from the given law and an orthogonal R [d, d], |R^T R - I| at most
// 1e-8 by element. It implements GaussianLaw where the law does.
func NewRotation(of Distribution, r mat.Matrix) (Distribution, error) {
	d := of.Dim()
	if rows, cols := r.Dims(); rows != d || cols != d {
		return nil, bad("rotation [%d, %d] for %d coordinates", rows, cols, d)
	}
	var q, gram mat.Dense
	q.CloneFrom(r)
	gram.Mul(q.T(), &q)
	for i := range d {
		for j := range d {
			want := 0.0
			if i == j {
				want = 1
			}
			if v := gram.At(i, j); !(math.Abs(v-want) <= 1e-8) {
				return nil, bad("rotation is not orthogonal: (R^T R)[%d,%d] = %.10g, want %v", i, j, v, want)
			}
		}
	}
	law := &rotation{of: of, d: d, r: q.RawMatrix().Data}
	if _, ok := of.(GaussianLaw); ok {
		return gaussianRotation{law}, nil
	}
	return law, nil
}

// Dim returns d.
func (l *rotation) Dim() int { return l.d }

// Sample rotates the law's own sample.
func (l *rotation) Sample(seed uint64, n int) *tensor.Dense {
	y, _, _, err := engine.Matrix(l.of.Sample(seed, n))
	if err != nil {
		panic(err) // laws return float64 matrices
	}
	x := make([]float64, n*l.d)
	l.apply(x, y, n)
	return engine.Points(x, n, l.d)
}

// apply computes x_i = R y_i for n rows. The transpose is made first: a product of plain matrices adds up each
// row in the order of the coordinates, whatever the count of rows.
func (l *rotation) apply(x, y []float64, n int) {
	t := make([]float64, l.d*l.d)
	for i := range l.d {
		for j := range l.d {
			t[j*l.d+i] = l.r[i*l.d+j]
		}
	}
	rows := func(n int, x []float64) blas64.General {
		return blas64.General{Rows: n, Cols: l.d, Stride: l.d, Data: x}
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, rows(n, y), rows(l.d, t), 0, rows(n, x))
}

// Spectrum rotates the mean; the eigenvalues stay.
func (g gaussianRotation) Spectrum() (mean, eigenvalues []float64) {
	m, l := g.of.(GaussianLaw).Spectrum()
	mean = make([]float64, g.d)
	g.apply(mean, m, 1)
	return mean, l
}

// Apply is R f(C) R^T x.
func (g gaussianRotation) Apply(dst, x []float64, f func(l float64) float64) {
	y := make([]float64, g.d)
	r := blas64.General{Rows: g.d, Cols: g.d, Stride: g.d, Data: g.r}
	blas64.Gemv(blas.Trans, 1, r, blas64.Vector{N: g.d, Data: x, Inc: 1}, 0, blas64.Vector{N: g.d, Data: y, Inc: 1})
	g.of.(GaussianLaw).Apply(y, y, f)
	g.apply(dst, y, 1)
}

// Bind uploads R. The field is a Jumper where the law's is.
func (l *rotation) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	f, _, err := l.bind(e, t, asItIs)
	return f, err
}

func (l *rotation) bind(e engine.Engine, t engine.Dtype, bind binder) (Field, []float64, error) {
	of, own, err := bind(l.of, e, t)
	if err != nil {
		return nil, nil, err
	}
	var mean []float64
	if own != nil {
		mean = make([]float64, l.d)
		l.apply(mean, own, 1)
	}
	q := newQueue(e, t)
	r := q.constant("R", t, 1, l.d, l.d, l.r)
	if err := q.done(); err != nil {
		q.free()
		of.Free()
		return nil, nil, fmt.Errorf("binding a rotation of %d dimensions: %w", l.d, err)
	}
	return newRotationField(q, of, r), mean, nil
}

// rotationField evaluates the law in its own frame: y = R^T x, v_x = R v_y. As rows, y = x R and v_x = v_y R^T.
type rotationField struct {
	*queue
	of Field
	d  int
	r  engine.Buffer
}

func newRotationField(q *queue, of Field, r engine.Buffer) Field {
	f := &rotationField{queue: q, of: of, d: of.Dim(), r: r}
	if j, ok := of.(Jumper); ok {
		return rotationJumper{f, j}
	}
	return f
}

func (f *rotationField) Dim() int { return f.d }

func (f *rotationField) Free() {
	f.of.Free()
	f.free()
}

// in returns R^T of every row; nil for nil.
func (f *rotationField) in(name string, x engine.Buffer, b, n int) engine.Buffer {
	if x == nil {
		return nil
	}
	out := f.buf(name, b, n, f.d)
	f.matMul(f.view(out, 0, 1, b*n, f.d), f.view(x, 0, 1, b*n, f.d), f.r, false)
	return out
}

// out writes R of every row.
func (f *rotationField) out(x, part engine.Buffer, rows int) {
	if x != nil {
		f.matMul(f.view(x, 0, 1, rows, f.d), f.view(part, 0, 1, rows, f.d), f.r, true)
	}
}

func (f *rotationField) Eval(r *Request) error {
	n, p, err := checkRequest(r, f.d)
	if err != nil || n == 0 {
		return err
	}
	part := &Request{
		Coef: r.Coef,
		X:    f.in("x", r.X, 1, n),
		V:    f.want(r.V, "v", 1, n, f.d),
		TV:   f.want(r.TV, "tv", n, p, f.d),
		Div:  r.Div,
		LogP: r.LogP,
	}
	if r.TV != nil {
		part.T = f.in("t", r.T, n, p)
	}
	if f.err == nil {
		f.err = f.of.Eval(part)
	}
	f.out(r.V, part.V, n)
	f.out(r.TV, part.TV, n*p)
	return f.done()
}

// rotationJumper is a rotationField of a Jumper.
type rotationJumper struct {
	*rotationField
	jump Jumper
}

func (f rotationJumper) Branches() int { return f.jump.Branches() }

func (f rotationJumper) Dominant(branch, coef, x engine.Buffer) error {
	n, err := checkDominant(branch, coef, x, f.d, f.Branches())
	if err != nil || n == 0 {
		return err
	}
	own := f.in("x", x, 1, n)
	if f.err == nil {
		f.err = f.jump.Dominant(branch, coef, own)
	}
	return f.done()
}

func (f rotationJumper) Follow(a *Follow) error {
	n, p, err := checkFollow(a, f.d, f.Branches())
	if err != nil || n == 0 {
		return err
	}
	part := &Follow{
		Branch: a.Branch, From: a.From, To: a.To,
		X:      f.in("x", a.X, 1, n),
		Y:      f.want(a.Y, "y", 1, n, f.d),
		V:      f.want(a.V, "v", 1, n, f.d),
		TY:     f.want(a.TY, "tv", n, p, f.d),
		LogDet: a.LogDet, Others: a.Others,
	}
	if a.TY != nil {
		part.T = f.in("t", a.T, n, p)
	}
	if f.err == nil {
		f.err = f.jump.Follow(part)
	}
	f.out(a.Y, part.Y, n)
	f.out(a.V, part.V, n)
	f.out(a.TY, part.TY, n*p)
	return f.done()
}
