package dist

import "monge/engine"

// productField evaluates each factor on its own columns: velocities and tangents go side by side,
// divergences and log densities add up.
type productField struct {
	*queue
	d        int
	branches int
	blocks   []block
}

// block is one factor: coordinates off to off + d - 1, branches from first on.
type block struct {
	field         Field
	off, d, first int
}

func newProductField(q *queue, parts []Field) Field {
	f := &productField{queue: q}
	jumpers := true
	for _, part := range parts {
		b := block{field: part, off: f.d, d: part.Dim()}
		f.d += b.d
		if j, ok := part.(Jumper); ok {
			b.first = f.branches
			f.branches += j.Branches()
		} else {
			jumpers = false
		}
		f.blocks = append(f.blocks, b)
	}
	if jumpers {
		return productJumper{f}
	}
	return f
}

func (f *productField) Dim() int { return f.d }

func (f *productField) Free() {
	for _, b := range f.blocks {
		b.field.Free()
	}
	f.free()
}

// cut copies the block's columns of rows x rows long; nil for nil.
func (f *productField) cut(name string, b block, x engine.Buffer, lead, rows int) engine.Buffer {
	if x == nil {
		return nil
	}
	out := f.buf(name, lead, rows, b.d)
	f.copy2D(out, 0, b.d, x, b.off, f.d, lead*rows, b.d)
	return out
}

// paste is the reverse of cut.
func (f *productField) paste(x engine.Buffer, b block, part engine.Buffer, rows int) {
	if x != nil {
		f.copy2D(x, b.off, f.d, part, 0, b.d, rows, b.d)
	}
}

// keep stores one number a row as column i of the blocks' table.
func (f *productField) keep(table engine.Buffer, i int, part engine.Buffer, n int) {
	if table != nil {
		f.copy2D(table, i, len(f.blocks), part, 0, 1, n, 1)
	}
}

// total writes the sums of a table's rows.
func (f *productField) total(out, table engine.Buffer) {
	if out != nil {
		f.rowSum(out, table)
	}
}

func (f *productField) Eval(r *Request) error {
	n, p, err := checkRequest(r, f.d)
	if err != nil || n == 0 {
		return err
	}
	k := len(f.blocks)
	divs, logps := f.want(r.Div, "divs", 1, n, k), f.want(r.LogP, "logps", 1, n, k)
	for i, b := range f.blocks {
		part := &Request{
			Coef: r.Coef,
			X:    f.cut("x", b, r.X, 1, n),
			V:    f.want(r.V, "v", 1, n, b.d),
			TV:   f.want(r.TV, "tv", n, p, b.d),
			Div:  f.want(r.Div, "div", 1, n, 1),
			LogP: f.want(r.LogP, "logp", 1, n, 1),
		}
		if r.TV != nil {
			part.T = f.cut("t", b, r.T, n, p)
		}
		if f.err == nil {
			f.err = b.field.Eval(part)
		}
		f.paste(r.V, b, part.V, n)
		f.paste(r.TV, b, part.TV, n*p)
		f.keep(divs, i, part.Div, n)
		f.keep(logps, i, part.LogP, n)
	}
	f.total(r.Div, divs)
	f.total(r.LogP, logps)
	return f.done()
}

// productJumper is a productField of Jumpers.
type productJumper struct{ *productField }

func (f productJumper) Branches() int { return f.branches }

func (f productJumper) Dominant(branch, coef, x engine.Buffer) error {
	n, err := checkDominant(branch, coef, x, f.d, f.branches)
	if err != nil || n == 0 {
		return err
	}
	for _, b := range f.blocks {
		j := b.field.(Jumper)
		m := j.Branches()
		part, _ := f.grow("branch", engine.I32, 1, n, m)
		own := f.cut("x", b, x, 1, n)
		if f.err == nil {
			f.err = j.Dominant(part, coef, own)
		}
		f.copy2D(branch, b.first, f.branches, part, 0, m, n, m)
	}
	return f.done()
}

func (f productJumper) Follow(a *Follow) error {
	n, p, err := checkFollow(a, f.d, f.branches)
	if err != nil || n == 0 {
		return err
	}
	k := len(f.blocks)
	logs, others := f.want(a.LogDet, "logdets", 1, n, k), f.want(a.Others, "others", 1, n, k)
	for i, b := range f.blocks {
		j := b.field.(Jumper)
		m := j.Branches()
		branch, _ := f.grow("branch", engine.I32, 1, n, m)
		f.copy2D(branch, 0, m, a.Branch, b.first, f.branches, n, m)
		part := &Follow{
			Branch: branch, From: a.From, To: a.To,
			X:      f.cut("x", b, a.X, 1, n),
			Y:      f.want(a.Y, "y", 1, n, b.d),
			V:      f.want(a.V, "v", 1, n, b.d),
			TY:     f.want(a.TY, "tv", n, p, b.d),
			LogDet: f.want(a.LogDet, "div", 1, n, 1),
			Others: f.want(a.Others, "logp", 1, n, 1),
		}
		if a.TY != nil {
			part.T = f.cut("t", b, a.T, n, p)
		}
		if f.err == nil {
			f.err = j.Follow(part)
		}
		f.paste(a.Y, b, part.Y, n)
		f.paste(a.V, b, part.V, n)
		f.paste(a.TY, b, part.TY, n*p)
		f.keep(logs, i, part.LogDet, n)
		f.keep(others, i, part.Others, n)
	}
	f.total(a.LogDet, logs)
	if a.Others != nil {
		f.rowLSE(a.Others, others)
	}
	return f.done()
}
