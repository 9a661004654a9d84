package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/rng"
)

// plain is an engine of the plain formulas, in each dtype's own arithmetic. It is right by construction,
// and wrong where tamper says so, to see that the table passes the one and catches the other.
type plain struct {
	limit int64 // numbers that one buffer may have
	used  int64 // bytes
	// tamper may change an output of an operation before it is stored.
	tamper func(op, out string, t engine.Dtype, b, n, d int, x []float64)
	// scribble writes to Softmax's queries and Mixture's rows.
	scribble bool
	// lenient leaves argument checks out.
	lenient bool
}

type plainBuffer struct {
	t       engine.Dtype
	b, n, d int
	x       []float64
	owner   *plain // whose memory Free gives back; nil for views and once it has
}

func (p *plainBuffer) Dtype() engine.Dtype  { return p.t }
func (p *plainBuffer) Shape() (b, n, d int) { return p.b, p.n, p.d }
func (p *plainBuffer) Free() {
	if p.owner != nil {
		p.owner.used -= int64(len(p.x) * p.t.Size())
		p.owner = nil
	}
}

func (p *plainBuffer) array() *array { return &array{p.b, p.n, p.d, p.x} }
func (p *plainBuffer) View(off, b, n, d int) engine.Buffer {
	if b < 0 || n < 0 || d < 0 {
		panic("negative shape")
	}
	return &plainBuffer{t: p.t, b: b, n: n, d: d, x: p.x[:len(p.x):len(p.x)][off : off+b*n*d]}
}

func (p *plainBuffer) set(i int, x float64) {
	switch p.t {
	case engine.F32:
		x = float64(float32(x))
	case engine.I32:
		x = float64(int32(x))
	}
	p.x[i] = x
}

// host returns a buffer's array, nil for nil.
func host(b engine.Buffer) *array {
	if b == nil {
		return nil
	}
	return b.(*plainBuffer).array()
}

func (e *plain) Info() engine.Info {
	return engine.Info{Name: "plain", Device: "formulas", Memory: 8 * e.limit, Free: 8*e.limit - e.used, Threads: 1}
}

func (e *plain) Alloc(t engine.Dtype, b, n, d int) (engine.Buffer, error) {
	if b < 0 || n < 0 || d < 0 {
		return nil, fmt.Errorf("plain: shape [%d, %d, %d]: %w", b, n, d, engine.ErrShape)
	}
	if size := float64(b) * float64(n) * float64(d); size > float64(e.limit) {
		asked := int64(math.MaxInt64)
		if size < 1e17 {
			asked = int64(size) * int64(t.Size())
		}
		return nil, &engine.MemoryError{What: "a buffer", Asked: asked, Free: 8 * e.limit}
	}
	buf := &plainBuffer{t, b, n, d, make([]float64, b*n*d), e}
	e.used += int64(len(buf.x) * t.Size())
	if e.tamper != nil {
		e.tamper("Alloc", "", t, b, n, d, buf.x)
	}
	return buf, nil
}

func (e *plain) Write(dst engine.Buffer, off int, src []float64) error {
	if err := engine.CheckRange("Write", dst, off, len(src)); err != nil {
		return err
	}
	for i, x := range src {
		dst.(*plainBuffer).set(off+i, x)
	}
	return nil
}

func (e *plain) Read(dst []float64, src engine.Buffer, off int) error {
	if err := engine.CheckRange("Read", src, off, len(dst)); err != nil {
		return err
	}
	copy(dst, src.(*plainBuffer).x[off:])
	return nil
}

func (e *plain) Sync() error  { return nil }
func (e *plain) Close() error { return nil }

// store puts an output's numbers into its buffer, if it is wanted.
func store[T float](e *plain, op, name string, out engine.Buffer, x []T) {
	if out == nil {
		return
	}
	p := out.(*plainBuffer)
	full := make([]float64, len(x))
	for i, v := range x {
		full[i] = float64(v)
	}
	if e.tamper != nil {
		e.tamper(op, name, p.t, p.b, p.n, p.d, full)
	}
	for i, v := range full {
		p.set(i, v)
	}
}

// refused returns the error of an argument check, unless the engine is lenient.
func (e *plain) refused(err error) error {
	if e.lenient {
		return nil
	}
	return err
}

func (e *plain) Softmax(a *engine.Softmax) error {
	if _, err := engine.CheckSoftmax(a); e.refused(err) != nil {
		return err
	}
	h := &softmaxHost{
		q: host(a.Q), k: host(a.K), v: host(a.V), s: host(a.S), u: host(a.U), c: host(a.C), w: host(a.W),
		skip: host(a.Skip), t: host(a.T), a: host(a.A), scale: a.Scale,
	}
	if e.scribble {
		defer scribble(h.q)
	}
	if a.Q.Dtype() == engine.F32 {
		storeSoftmax(e, a, softmaxPlain[float32](h))
	} else {
		storeSoftmax(e, a, softmaxPlain[float64](h))
	}
	return nil
}

func scribble(a *array) {
	if n := len(a.x); n > 0 {
		a.x[n-1]++
	}
}

func storeSoftmax[T float](e *plain, a *engine.Softmax, o *softmaxOut[T]) {
	store(e, "Softmax", "LSE", a.LSE, o.lse)
	store(e, "Softmax", "Mean", a.Mean, o.mean)
	store(e, "Softmax", "Second", a.Second, o.second)
	store(e, "Softmax", "TMean", a.TMean, o.tmean)
	store(e, "Softmax", "ColSum", a.ColSum, o.colsum)
	store(e, "Softmax", "Max", a.Max, o.most)
	arg := make([]float64, len(o.arg))
	for i, j := range o.arg {
		arg[i] = float64(j)
	}
	store(e, "Softmax", "Arg", a.Arg, arg)
}

func hostMixture(p *engine.MixtureParams) mixtureHost {
	return mixtureHost{logw: host(p.LogW), mean: host(p.Mean), variance: host(p.Var), basis: host(p.Basis), reflect: host(p.Reflect)}
}

func (e *plain) Mixture(a *engine.Mixture) error {
	if _, err := engine.CheckMixture(a); e.refused(err) != nil {
		return err
	}
	h := hostMixture(a.P)
	h.coef, h.x, h.t = host(a.Coef), host(a.X), host(a.T)
	if e.scribble {
		defer scribble(h.x)
	}
	if a.X.Dtype() == engine.F32 {
		storeMixture[float32](e, a, &h)
	} else {
		storeMixture[float64](e, a, &h)
	}
	return nil
}

func storeMixture[T float](e *plain, a *engine.Mixture, h *mixtureHost) {
	o, _ := mixturePlain[T](h)
	store(e, "Mixture", "V", a.V, o.v)
	store(e, "Mixture", "TV", a.TV, o.tv)
	store(e, "Mixture", "Div", a.Div, o.div)
	store(e, "Mixture", "LogP", a.LogP, o.logp)
	store(e, "Mixture", "LogR", a.LogR, o.logr)
}

func (e *plain) MixtureFollow(a *engine.MixtureFollow) error {
	if _, err := engine.CheckMixtureFollow(a); e.refused(err) != nil {
		return err
	}
	m := hostMixture(a.P)
	m.coef, m.x, m.t = host(a.From), host(a.X), host(a.T)
	h := &followHost{&m, host(a.Branch), host(a.To)}
	if a.X.Dtype() == engine.F32 {
		storeFollow[float32](e, a, h)
	} else {
		storeFollow[float64](e, a, h)
	}
	return nil
}

func storeFollow[T float](e *plain, a *engine.MixtureFollow, h *followHost) {
	o := followPlain[T](h)
	store(e, "MixtureFollow", "Y", a.Y, o.y)
	store(e, "MixtureFollow", "V", a.V, o.v)
	store(e, "MixtureFollow", "TY", a.TY, o.ty)
	store(e, "MixtureFollow", "LogDet", a.LogDet, o.logdet)
	store(e, "MixtureFollow", "Others", a.Others, o.others)
}

func (e *plain) LinComb(out, coef, x engine.Buffer) error {
	n, k, d, err := engine.CheckLinComb(out, coef, x)
	if e.refused(err) != nil {
		return err
	}
	c := lincombCase{n: n, k: k, d: d, e: 1}
	if x.Dtype() == engine.F32 {
		s, _ := sums[float32](c, host(coef).x, host(x).x)
		store(e, "LinComb", "out", out, s)
	} else {
		s, _ := sums[float64](c, host(coef).x, host(x).x)
		store(e, "LinComb", "out", out, s)
	}
	return nil
}

func (e *plain) ErrorNorm(out, coef, x engine.Buffer, group int, atol, rtol float64) error {
	n, ne, k, d, err := engine.CheckErrorNorm(out, coef, x, group, atol, rtol)
	if e.refused(err) != nil {
		return err
	}
	c := lincombCase{n: n, k: k, d: d, e: ne, group: group, atol: atol, rtol: rtol}
	if x.Dtype() == engine.F32 {
		s, _ := sums[float32](c, host(coef).x, host(x).x)
		store(e, "ErrorNorm", "out", out, norms(c, s, host(x).x))
	} else {
		s, _ := sums[float64](c, host(coef).x, host(x).x)
		store(e, "ErrorNorm", "out", out, norms(c, s, host(x).x))
	}
	return nil
}

func (e *plain) Axpby(out engine.Buffer, alpha float64, x engine.Buffer, beta float64, y engine.Buffer) error {
	if err := engine.CheckAxpby(out, alpha, x, y); e.refused(err) != nil {
		return err
	}
	s := make([]float64, engine.Len(out))
	for i := range s {
		if alpha != 0 {
			s[i] = alpha * host(x).x[i]
		}
		if y != nil && beta != 0 {
			term := beta * host(y).x[i]
			if math.IsInf(s[i], 0) && term == -s[i] {
				s[i], term = math.Inf(-1), 0
			}
			s[i] += term
		}
	}
	store(e, "Axpby", "out", out, s)
	return nil
}

func (e *plain) Log(out, x engine.Buffer) error {
	if err := engine.CheckLog(out, x); e.refused(err) != nil {
		return err
	}
	s := make([]float64, engine.Len(out))
	for i, v := range host(x).x {
		s[i] = engine.Ln(v)
	}
	store(e, "Log", "out", out, s)
	return nil
}

func (e *plain) MatMul(out, x, y engine.Buffer, transY bool) error {
	s, err := engine.CheckMatMul(out, x, y, transY)
	if e.refused(err) != nil {
		return err
	}
	var z []float64
	for b := range s.B {
		for i := range s.N {
			for j := range s.M {
				var sum float64
				for k, v := range host(x).row(b, i) {
					if transY {
						sum += v * host(y).row(b, j)[k]
					} else {
						sum += v * host(y).row(b, k)[j]
					}
				}
				z = append(z, sum)
			}
		}
	}
	store(e, "MatMul", "out", out, z)
	return nil
}

func (e *plain) RowDot(out, x, y engine.Buffer) error {
	rows, _, err := engine.CheckRowDot(out, x, y)
	if e.refused(err) != nil {
		return err
	}
	s := make([]float64, rows)
	for i := range s {
		s[i] = dot(host(x).flat(i), host(y).flat(i))
	}
	store(e, "RowDot", "out", out, s)
	return nil
}

// flat returns row i counted through the problems.
func (a *array) flat(i int) []float64 { return a.x[i*a.d:][:a.d] }

func (e *plain) Reduce(out engine.Buffer, op engine.ReduceOp, x, y engine.Buffer) error {
	b, n, err := engine.CheckReduce(out, op, x, y)
	if e.refused(err) != nil {
		return err
	}
	s := make([]float64, b)
	for i := range b * n {
		v := host(x).x[i]
		switch r := &s[i/n]; op {
		case engine.Sum:
			*r += v
		case engine.Dot:
			if v != 0 {
				*r += v * host(y).x[i]
			}
		case engine.SumAbsDiff:
			*r += math.Abs(v - host(y).x[i])
		case engine.MaxAbs:
			*r = max(*r, math.Abs(v))
		}
	}
	store(e, "Reduce", []string{"sum", "dot", "sum-abs-diff", "max-abs"}[op], out, s)
	return nil
}

func (e *plain) CopyRows(dst, dstRows, src, srcRows engine.Buffer) error {
	pairs, _, _, d, err := engine.CheckCopyRows(dst, dstRows, src, srcRows)
	if e.refused(err) != nil {
		return err
	}
	out := append([]float64{}, host(dst).x...)
	row := func(rows engine.Buffer, i int) int {
		if rows == nil {
			return i
		}
		return int(host(rows).x[i])
	}
	for i := range pairs {
		if to, from := row(dstRows, i), row(srcRows, i); to >= 0 && from >= 0 {
			copy(out[to*d:][:d], host(src).x[from*d:])
		}
	}
	store(e, "CopyRows", "dst", dst, out)
	return nil
}

func (e *plain) Copy2D(dst engine.Buffer, dstOff, dstStride int, src engine.Buffer, srcOff, srcStride, rows, cols int) error {
	if err := engine.CheckCopy2D(dst, dstOff, dstStride, src, srcOff, srcStride, rows, cols); e.refused(err) != nil {
		return err
	}
	out := append([]float64{}, host(dst).x...)
	for i := range rows {
		copy(out[dstOff+i*dstStride:][:cols], host(src).x[srcOff+i*srcStride:])
	}
	store(e, "Copy2D", "dst", dst, out)
	return nil
}

func (e *plain) Normal(out engine.Buffer, seed, stream, offset uint64) error {
	if err := engine.CheckNormal(out); e.refused(err) != nil {
		return err
	}
	s := make([]float64, engine.Len(out))
	rng.Normals(s, seed, stream, offset)
	store(e, "Normal", "out", out, s)
	return nil
}
