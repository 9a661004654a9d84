package engine

import "fmt"

// checker collects the first mistake in an operation's arguments. All engines check with the Check
// functions, so that a mistake reads the same everywhere.
type checker struct {
	op  string
	t   Dtype
	set bool // t is known
	err error
}

func (c *checker) failf(sentinel error, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("engine: %s: %s: %w", c.op, fmt.Sprintf(format, args...), sentinel)
	}
}

// need demands that x is given.
func (c *checker) need(name string, x Buffer) bool {
	if x == nil {
		c.failf(ErrShape, "%s is nil", name)
		return false
	}
	return c.err == nil
}

// float demands that x has the one floating-point dtype of the operation.
func (c *checker) float(name string, x Buffer) {
	t := x.Dtype()
	if t != F64 && t != F32 {
		c.failf(ErrDtype, "%s is %v, want f64 or f32", name, t)
		return
	}
	if !c.set {
		c.t, c.set = t, true
	} else if t != c.t {
		c.failf(ErrDtype, "%s is %v where other arguments are %v", name, t, c.t)
	}
}

// shape demands that x, unless nil, is floating point with shape [b, n, d].
func (c *checker) shape(name string, x Buffer, b, n, d int) {
	if x == nil || c.err != nil {
		return
	}
	c.float(name, x)
	c.size(name, x, b, n, d)
}

// shared is shape for a parameter that may serve all problems with B = 1.
func (c *checker) shared(name string, x Buffer, b, n, d int) {
	if x == nil || c.err != nil {
		return
	}
	if xb, _, _ := x.Shape(); xb == 1 {
		b = 1
	}
	c.shape(name, x, b, n, d)
}

// index demands that x, unless nil, is I32 with shape [b, n, d].
func (c *checker) index(name string, x Buffer, b, n, d int) {
	if x == nil || c.err != nil {
		return
	}
	if t := x.Dtype(); t != I32 {
		c.failf(ErrDtype, "%s is %v, want i32", name, t)
	}
	c.size(name, x, b, n, d)
}

func (c *checker) size(name string, x Buffer, b, n, d int) {
	if xb, xn, xd := x.Shape(); xb != b || xn != n || xd != d {
		c.failf(ErrShape, "%s is [%d, %d, %d], want [%d, %d, %d]", name, xb, xn, xd, b, n, d)
	}
}

// CheckRange checks that count numbers from number off on lie inside x.
func CheckRange(op string, x Buffer, off, count int) error {
	c := checker{op: op}
	if c.need("buffer", x) {
		if n := Len(x); off < 0 || count < 0 || off > n-count {
			c.failf(ErrShape, "numbers %d to %d of %d", off, off+count, n)
		}
	}
	return c.err
}

// CheckLinComb checks the arguments of Engine.LinComb and returns its sizes.
func CheckLinComb(out, coef, x Buffer) (n, k, d int, err error) {
	c := checker{op: "LinComb"}
	if c.need("out", out) && c.need("coef", coef) && c.need("x", x) {
		n, k, d = x.Shape()
		c.shape("x", x, n, k, d)
		c.shape("out", out, 1, n, d)
		c.shape("coef", coef, 1, n, k)
	}
	return n, k, d, c.err
}

// CheckErrorNorm checks the arguments of Engine.ErrorNorm and returns its sizes.
func CheckErrorNorm(out, coef, x Buffer, group int, atol, rtol float64) (n, e, k, d int, err error) {
	c := checker{op: "ErrorNorm"}
	if c.need("out", out) && c.need("coef", coef) && c.need("x", x) {
		n, k, d = x.Shape()
		_, e, _ = coef.Shape()
		c.shape("x", x, n, k, d)
		c.shape("out", out, 1, n, e)
		c.shape("coef", coef, n, e, k)
		if k == 0 && n > 0 {
			c.failf(ErrShape, "x has no vectors")
		}
		if group < 0 || !(atol >= 0) || !(rtol >= 0) {
			c.failf(ErrShape, "group %d, atol %g, rtol %g, want none negative", group, atol, rtol)
		}
	}
	return n, e, k, d, c.err
}

// CheckAxpby checks the arguments of Engine.Axpby. x may be nil where its factor is 0, y always.
func CheckAxpby(out Buffer, alpha float64, x, y Buffer) error {
	c := checker{op: "Axpby"}
	if c.need("out", out) {
		b, n, d := out.Shape()
		c.shape("out", out, b, n, d)
		c.shape("x", x, b, n, d)
		c.shape("y", y, b, n, d)
		if x == nil && alpha != 0 {
			c.failf(ErrShape, "x is nil with factor %g", alpha)
		}
	}
	return c.err
}

// CheckLog checks the arguments of Engine.Log.
func CheckLog(out, x Buffer) error {
	c := checker{op: "Log"}
	if c.need("out", out) && c.need("x", x) {
		b, n, d := x.Shape()
		c.shape("x", x, b, n, d)
		c.shape("out", out, b, n, d)
	}
	return c.err
}

// MatMulDims are the sizes of a MatMul: x [B, N, K], y [YB, K, M] or [YB, M, K].
type MatMulDims struct{ B, N, K, M, YB int }

// CheckMatMul checks the arguments of Engine.MatMul.
func CheckMatMul(out, x, y Buffer, transY bool) (s MatMulDims, err error) {
	c := checker{op: "MatMul"}
	if c.need("out", out) && c.need("x", x) && c.need("y", y) {
		s.B, s.N, s.K = x.Shape()
		s.YB, _, s.M = y.Shape()
		if transY {
			_, s.M, _ = y.Shape()
		}
		c.shape("x", x, s.B, s.N, s.K)
		if transY {
			c.shared("y", y, s.B, s.M, s.K)
		} else {
			c.shared("y", y, s.B, s.K, s.M)
		}
		c.shape("out", out, s.B, s.N, s.M)
	}
	return s, c.err
}

// CheckRowDot checks the arguments of Engine.RowDot and returns the count of rows and their length.
func CheckRowDot(out, x, y Buffer) (rows, d int, err error) {
	c := checker{op: "RowDot"}
	if c.need("out", out) && c.need("x", x) && c.need("y", y) {
		b, n, dd := x.Shape()
		c.shape("x", x, b, n, dd)
		c.shape("y", y, b, n, dd)
		c.shape("out", out, b, n, 1)
		rows, d = b*n, dd
	}
	return rows, d, c.err
}

// CheckReduce checks the arguments of Engine.Reduce and returns the count and length of the problems.
func CheckReduce(out Buffer, op ReduceOp, x, y Buffer) (b, n int, err error) {
	c := checker{op: "Reduce"}
	if c.need("out", out) && c.need("x", x) {
		xb, xn, xd := x.Shape()
		c.shape("x", x, xb, xn, xd)
		c.shape("out", out, xb, 1, 1)
		switch op {
		case Dot, SumAbsDiff:
			if c.need("y", y) {
				c.shape("y", y, xb, xn, xd)
			}
		case Sum, MaxAbs:
		default:
			c.failf(ErrUnsupported, "reduction %d", op)
		}
		b, n = xb, xn*xd
	}
	return b, n, c.err
}

// CheckCopyRows checks the arguments of Engine.CopyRows, but not the indices' values. It returns the
// count of pairs, the rows of dst and src, and their length.
func CheckCopyRows(dst, dstRows, src, srcRows Buffer) (pairs, nd, ns, d int, err error) {
	c := checker{op: "CopyRows"}
	if !c.need("dst", dst) || !c.need("src", src) {
		return 0, 0, 0, 0, c.err
	}
	db, dn, dd := dst.Shape()
	sb, sn, sd := src.Shape()
	nd, ns, d = db*dn, sb*sn, dd
	if dst.Dtype() != src.Dtype() {
		c.failf(ErrDtype, "dst is %v, src is %v", dst.Dtype(), src.Dtype())
	}
	if dd != sd {
		c.failf(ErrShape, "rows of dst have %d numbers, those of src %d", dd, sd)
	}
	for _, x := range [...]Buffer{dstRows, srcRows} {
		if x != nil && x.Dtype() != I32 {
			c.failf(ErrDtype, "indices are %v, want i32", x.Dtype())
		}
	}
	switch {
	case dstRows == nil && srcRows == nil:
		pairs = ns
		if nd != ns {
			c.failf(ErrShape, "dst has %d rows, src %d, without indices", nd, ns)
		}
	case dstRows == nil:
		if pairs = Len(srcRows); pairs > nd {
			c.failf(ErrShape, "%d source indices for %d rows of dst", pairs, nd)
		}
	case srcRows == nil:
		if pairs = Len(dstRows); pairs > ns {
			c.failf(ErrShape, "%d target indices for %d rows of src", pairs, ns)
		}
	default:
		if pairs = Len(dstRows); pairs != Len(srcRows) {
			c.failf(ErrShape, "%d target indices, %d source indices", pairs, Len(srcRows))
		}
	}
	return pairs, nd, ns, d, c.err
}

// CheckCopy2D checks the arguments of Engine.Copy2D.
func CheckCopy2D(dst Buffer, dstOff, dstStride int, src Buffer, srcOff, srcStride, rows, cols int) error {
	c := checker{op: "Copy2D"}
	if !c.need("dst", dst) || !c.need("src", src) {
		return c.err
	}
	if dst.Dtype() != src.Dtype() {
		c.failf(ErrDtype, "dst is %v, src is %v", dst.Dtype(), src.Dtype())
	}
	if rows < 0 || cols < 0 {
		c.failf(ErrShape, "%d rows of %d numbers", rows, cols)
	}
	if c.err != nil || rows == 0 || cols == 0 {
		return c.err
	}
	area := func(name string, x Buffer, off, stride int) {
		n := Len(x)
		// Without products of the arguments, which may overflow.
		if room := n - cols - off; off < 0 || stride < 0 || off > n || room < 0 || stride > 0 && rows-1 > room/stride {
			c.failf(ErrShape, "%d rows of %d numbers, stride %d, from number %d of %s with %d", rows, cols, stride, off, name, n)
		}
	}
	area("dst", dst, dstOff, dstStride)
	area("src", src, srcOff, srcStride)
	if rows > 1 && dstStride < cols {
		c.failf(ErrShape, "rows of %d numbers overlap in dst at stride %d", cols, dstStride)
	}
	return c.err
}

// CheckNormal checks the argument of Engine.Normal.
func CheckNormal(out Buffer) error {
	c := checker{op: "Normal"}
	if c.need("out", out) {
		c.float("out", out)
	}
	return c.err
}
