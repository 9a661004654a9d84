package dist

import (
	"fmt"

	"monge/engine"
)

// checkRequest returns the rows and the tangents a row of a request to a field of dimension d.
func checkRequest(r *Request, d int) (n, p int, err error) {
	if r.Coef == nil || r.X == nil {
		return 0, 0, fmt.Errorf("dist: a request needs Coef and X: %w", engine.ErrShape)
	}
	b, n, dx := r.X.Shape()
	cb, cn, cd := r.Coef.Shape()
	if b != 1 || dx != d || cb != 1 || cn != n || cd != engine.CoefCount {
		return 0, 0, fmt.Errorf("dist: X [%d, %d, %d] and Coef [%d, %d, %d] for a law of dimension %d: %w",
			b, n, dx, cb, cn, cd, d, engine.ErrShape)
	}
	if r.TV != nil {
		if r.T == nil {
			return 0, 0, fmt.Errorf("dist: TV without tangents T: %w", engine.ErrShape)
		}
		var tn, td int
		if tn, p, td = r.T.Shape(); tn != n || td != d {
			return 0, 0, fmt.Errorf("dist: T [%d, %d, %d] for %d rows of dimension %d: %w", tn, p, td, n, d, engine.ErrShape)
		}
	}
	return n, p, checkOutputs([]output{{"V", r.V, n * d}, {"TV", r.TV, n * p * d}, {"Div", r.Div, n}, {"LogP", r.LogP, n}})
}

// output is an array to fill and the numbers that it must hold.
type output struct {
	name string
	x    engine.Buffer
	want int
}

func checkOutputs(outs []output) error {
	for _, o := range outs {
		if o.x != nil && engine.Len(o.x) != o.want {
			return fmt.Errorf("dist: %s of %d numbers, want %d: %w", o.name, engine.Len(o.x), o.want, engine.ErrShape)
		}
	}
	return nil
}

// checkDominant returns the rows of Jumper.Dominant's arguments.
func checkDominant(branch, coef, x engine.Buffer, d, branches int) (n int, err error) {
	if n, _, err = checkRequest(&Request{Coef: coef, X: x}, d); err != nil {
		return 0, err
	}
	return n, checkBranch(branch, n, branches)
}

func checkBranch(branch engine.Buffer, n, branches int) error {
	if branch == nil || engine.Len(branch) != n*branches {
		return fmt.Errorf("dist: want Branch [1, %d, %d]: %w", n, branches, engine.ErrShape)
	}
	if branch.Dtype() != engine.I32 {
		return fmt.Errorf("dist: Branch of type %v, want i32: %w", branch.Dtype(), engine.ErrDtype)
	}
	return nil
}

// checkFollow is checkRequest for Jumper.Follow.
func checkFollow(f *Follow, d, branches int) (n, p int, err error) {
	r := Request{Coef: f.From, X: f.X, T: f.T, TV: f.TY}
	if n, p, err = checkRequest(&r, d); err != nil {
		return 0, 0, err
	}
	if f.To == nil || engine.Len(f.To) != n*engine.CoefCount {
		return 0, 0, fmt.Errorf("dist: Follow needs To for %d rows: %w", n, engine.ErrShape)
	}
	if err := checkBranch(f.Branch, n, branches); err != nil {
		return 0, 0, err
	}
	return n, p, checkOutputs([]output{{"Y", f.Y, n * d}, {"V", f.V, n * d}, {"LogDet", f.LogDet, n}, {"Others", f.Others, n}})
}
