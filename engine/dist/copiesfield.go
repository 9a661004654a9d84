package dist

import "monge/engine"

// copiesField evaluates m copies of a law as rows: [N, m d] is [N m, d] as it lies in memory, with the time
// coefficients repeated m times. Only tangents [N, P, m d] have to be moved, to [N m, P, d] and back.
type copiesField struct {
	*queue
	of   Field
	m, d int // copies, and the dimension of one
	p    int // tangents a row that the index buffers are for
}

func newCopiesField(q *queue, of Field, m int) Field {
	f := &copiesField{queue: q, of: of, m: m, d: of.Dim()}
	if j, ok := of.(Jumper); ok {
		return copiesJumper{f, j}
	}
	return f
}

func (f *copiesField) Dim() int { return f.m * f.d }

func (f *copiesField) Free() {
	f.of.Free()
	f.free()
}

// rows is x [1, N, m k] as [1, N m, k]; nil for nil.
func (f *copiesField) rows(x engine.Buffer, n, k int) engine.Buffer {
	return f.view(x, 0, 1, n*f.m, k)
}

// repeat returns coef with every row m times.
func (f *copiesField) repeat(name string, coef engine.Buffer, n int) engine.Buffer {
	index, fresh := f.grow("repeat", engine.I32, 1, n*f.m, 1)
	if fresh {
		list := make([]float64, n*f.m)
		for i := range list {
			list[i] = float64(i / f.m)
		}
		f.write(index, 0, list)
	}
	out := f.buf(name, 1, n*f.m, engine.CoefCount)
	f.copyRows(out, nil, coef, index)
	return out
}

// tangentRows returns, for row (i, b, j) of [N m, P, d], the row (i, j, b) of [N, P, m d] cut into pieces of d.
func (f *copiesField) tangentRows(n, p int) engine.Buffer {
	if p != f.p && f.err == nil {
		if old := f.bufs["tangent rows"]; old != nil {
			old.Free()
			delete(f.bufs, "tangent rows")
		}
		f.p = p
	}
	index, fresh := f.grow("tangent rows", engine.I32, 1, n*p*f.m, 1)
	if fresh {
		list := make([]float64, 0, n*p*f.m)
		for i := range n {
			for b := range f.m {
				for j := range p {
					list = append(list, float64((i*p+j)*f.m+b))
				}
			}
		}
		f.write(index, 0, list)
	}
	return index
}

// split moves t [N, P, m d] to [N m, P, d].
func (f *copiesField) split(t engine.Buffer, n, p int) engine.Buffer {
	out := f.buf("t", n*f.m, p, f.d)
	f.copyRows(f.view(out, 0, 1, n*f.m*p, f.d), nil, f.view(t, 0, 1, n*p*f.m, f.d), f.tangentRows(n, p))
	return out
}

// join moves part [N m, P, d] back to [N, P, m d].
func (f *copiesField) join(t, part engine.Buffer, n, p int) {
	f.copyRows(f.view(t, 0, 1, n*p*f.m, f.d), f.tangentRows(n, p), f.view(part, 0, 1, n*f.m*p, f.d), nil)
}

// total writes the sums over the copies of part [1, N m, 1].
func (f *copiesField) total(out, part engine.Buffer, n int) {
	if out != nil {
		f.rowSum(out, f.view(part, 0, 1, n, f.m))
	}
}

func (f *copiesField) Eval(r *Request) error {
	n, p, err := checkRequest(r, f.Dim())
	if err != nil || n == 0 {
		return err
	}
	part := &Request{
		Coef: f.repeat("coef", r.Coef, n),
		X:    f.rows(r.X, n, f.d),
		V:    f.rows(r.V, n, f.d),
		TV:   f.want(r.TV, "tv", n*f.m, p, f.d),
		Div:  f.want(r.Div, "div", 1, n*f.m, 1),
		LogP: f.want(r.LogP, "logp", 1, n*f.m, 1),
	}
	if r.TV != nil {
		part.T = f.split(r.T, n, p)
	}
	if f.err == nil {
		f.err = f.of.Eval(part)
	}
	if r.TV != nil {
		f.join(r.TV, part.TV, n, p)
	}
	f.total(r.Div, part.Div, n)
	f.total(r.LogP, part.LogP, n)
	return f.done()
}

// copiesJumper is a copiesField of a Jumper.
type copiesJumper struct {
	*copiesField
	jump Jumper
}

func (f copiesJumper) Branches() int { return f.m * f.jump.Branches() }

func (f copiesJumper) Dominant(branch, coef, x engine.Buffer) error {
	n, err := checkDominant(branch, coef, x, f.Dim(), f.Branches())
	if err != nil || n == 0 {
		return err
	}
	coefs, branches, rows := f.repeat("coef", coef, n), f.rows(branch, n, f.jump.Branches()), f.rows(x, n, f.d)
	if f.err == nil {
		f.err = f.jump.Dominant(branches, coefs, rows)
	}
	return f.done()
}

func (f copiesJumper) Follow(a *Follow) error {
	n, p, err := checkFollow(a, f.Dim(), f.Branches())
	if err != nil || n == 0 {
		return err
	}
	part := &Follow{
		Branch: f.rows(a.Branch, n, f.jump.Branches()),
		From:   f.repeat("coef", a.From, n),
		To:     f.repeat("coef to", a.To, n),
		X:      f.rows(a.X, n, f.d),
		Y:      f.rows(a.Y, n, f.d),
		V:      f.rows(a.V, n, f.d),
		TY:     f.want(a.TY, "tv", n*f.m, p, f.d),
		LogDet: f.want(a.LogDet, "div", 1, n*f.m, 1),
		Others: f.want(a.Others, "logp", 1, n*f.m, 1),
	}
	if a.TY != nil {
		part.T = f.split(a.T, n, p)
	}
	if f.err == nil {
		f.err = f.jump.Follow(part)
	}
	if a.TY != nil {
		f.join(a.TY, part.TY, n, p)
	}
	f.total(a.LogDet, part.LogDet, n)
	if a.Others != nil {
		f.rowLSE(a.Others, f.view(part.Others, 0, 1, n, f.m))
	}
	return f.done()
}
