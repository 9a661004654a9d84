package dist

import (
	"context"
	"fmt"
	"math"

	"monge/engine"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// Span is a law of points in few of their dimensions: those that the points span about one of them, c. With the
// pivoted Cholesky factorisation G = UᵀU of the Gram matrix of y_j - c, the rows of U⁻ᵀ (y - c) are an orthonormal basis
// q_1 .. q_r, in which the law is one of points again, with the columns of U for its points, and orthogonal to which
// it is N(0, h² I). The flow keeps the two apart. The basis is never formed: coordinates and their inverse are one
// product with the points each, whatever is done with the coordinates in between.
type Span struct {
	Law *Points // of the coordinates [N, R]
	// Origin is c [D], the point nearest the mean. About the mean the points would be dependent but for its rounding.
	Origin []float64

	of   *Points
	rows []int // points that the basis is made of
	u    blas64.Triangular
}

const (
	// spanWork is the size N D of a law from which its span pays.
	spanWork = 1 << 16
	// leastPivot bounds the squares of the basis's pivots, relative to the largest: the Gram matrix knows them to
	// about N roundoffs of that.
	leastPivot = 1e-8

	spanNumbers = 1 << 22 // of the points on the engine at a time
	spanRows    = 512     // taken through a product together
)

// Spanner is implemented by laws that may be the same law in fewer dimensions.
type Spanner interface {
	Distribution
	// Span returns it, nil where nothing would be gained or precision lost. The errors are the engine's and ctx's.
	Span(ctx context.Context, e engine.Engine) (*Span, error)
}

// Span returns the law in the points' span where they are fewer than half the dimensions. It takes one product of the
// points with themselves.
func (p *Points) Span(ctx context.Context, e engine.Engine) (*Span, error) {
	if 2*p.n > p.d || p.n*p.d < spanWork || p.reach > maxReach*p.h {
		return nil, nil
	}
	s := &Span{Origin: p.row(p.middle()), of: p, rows: make([]int, p.n)}
	for j := range s.rows {
		s.rows[j] = j
	}
	all := make([]float64, p.n*p.n)
	if err := s.products(ctx, e, all, p.y, 1); err != nil {
		return nil, err
	}
	gram := mat.NewSymDense(p.n, all)
	largest := 0.0
	for j := range p.n {
		largest = math.Max(largest, gram.At(j, j))
	}
	var c mat.PivotedCholesky
	c.Factorize(gram, leastPivot*largest)
	r, order := c.Rank(), c.ColumnPivots(nil)
	if r == 0 || !(largest > 0) {
		return nil, nil
	}
	var u mat.TriDense
	c.UTo(&u)
	s.rows, s.u = order[:r], u.RawTriangular()
	s.u.N = r
	coordinates := make([]float64, p.n*r)
	for k, j := range order {
		for l := range min(k+1, r) {
			coordinates[j*r+l] = u.At(l, k)
		}
	}
	if ok, err := s.holds(ctx, e, coordinates, order[r:]); !ok || err != nil {
		return nil, err
	}
	var err error
	s.Law, err = newPoints(coordinates, p.w, p.n, r, p.h)
	return s, err
}

// middle returns the point nearest the mean.
func (p *Points) middle() (nearest int) {
	least := math.Inf(1)
	for j := range p.n {
		square := 0.0
		for t, v := range p.row(j) {
			square += (v - p.centre[t]) * (v - p.centre[t])
		}
		if square < least {
			nearest, least = j, square
		}
	}
	return nearest
}

// Span is that of the same law as [Points], for isotropic components of one variance.
func (m *Mixture) Span(ctx context.Context, e engine.Engine) (*Span, error) {
	if p := m.points(); p != nil {
		return p.Span(ctx, e)
	}
	return nil, nil
}

// holds says whether the points that are not of the basis lie in the span, up to the rounding of their coordinates, which it
// refines: the factor leaves an error of the Gram matrix's condition.
func (s *Span) holds(ctx context.Context, e engine.Engine, coordinates []float64, others []int) (bool, error) {
	p, r := s.of, len(s.rows)
	at, left := make([]float64, 0, len(others)*r), make([]float64, 0, len(others)*p.d)
	for _, j := range others {
		at = append(at, coordinates[j*r:(j+1)*r]...)
		for t, v := range p.row(j) {
			left = append(left, s.Origin[t]-v)
		}
	}
	if err := s.Lift(ctx, e, left, 1, at); err != nil {
		return false, err
	}
	rest, err := s.Coordinates(ctx, e, left, 0)
	if err != nil {
		return false, err
	}
	for k, j := range others {
		for l := range r {
			coordinates[j*r+l] -= rest[k*r+l]
		}
	}
	for l := range rest {
		rest[l] = -rest[l]
	}
	if err := s.Lift(ctx, e, left, 1, rest); err != nil {
		return false, err
	}
	const roundings = 64
	first, last := s.u.Data[0], s.u.Data[(r-1)*s.u.Stride+r-1]
	bound := roundings * engine.F64.Eps() * (math.Sqrt(float64(p.n))*first/last*p.reach + norm(s.Origin))
	for k := range others {
		if norm(left[k*p.d:(k+1)*p.d]) > bound {
			return false, nil
		}
	}
	return true, nil
}

// Coordinates returns those of the rows x [M, D] less shift c: [M, R].
func (s *Span) Coordinates(ctx context.Context, e engine.Engine, x []float64, shift float64) ([]float64, error) {
	r := len(s.rows)
	out := make([]float64, len(x)/s.of.d*r)
	if err := s.products(ctx, e, out, x, shift); err != nil {
		return nil, err
	}
	for lo := 0; lo < len(out); lo += r {
		blas64.Trsv(blas.Trans, s.u, blas64.Vector{N: r, Data: out[lo : lo+r], Inc: 1})
	}
	return out, nil
}

// Lift replaces the rows of x [M, D] by scale x + sum_k c_k q_k, of coordinates c [M, R].
func (s *Span) Lift(ctx context.Context, e engine.Engine, x []float64, scale float64, c []float64) error {
	d, r := s.of.d, len(s.rows)
	weights := append([]float64(nil), c...)
	for lo := 0; lo < len(c); lo += r {
		blas64.Trsv(blas.NoTrans, s.u, blas64.Vector{N: r, Data: weights[lo : lo+r], Inc: 1})
	}
	q := newQueue(e, engine.F64)
	defer q.free()
	part := make([]float64, spanRows*s.width())
	return s.blocks(ctx, q, len(c)/r, func(points engine.Buffer, from, k, lo, m int) {
		w := q.buf("weights", 1, m, r)
		q.write(w, 0, weights[lo*r:(lo+m)*r])
		out := q.buf("rows", 1, m, k)
		q.matMul(out, w, points, false)
		part := part[:m*k]
		q.read(part, out, 0)
		for i := range m {
			row := x[(lo+i)*d+from:][:k]
			for t, v := range part[i*k : (i+1)*k] {
				row[t] = scale*row[t] + v
			}
		}
	})
}

// products adds to out [M, len(rows)] the products of the rows of x [M, D] less shift c with the points of the basis.
func (s *Span) products(ctx context.Context, e engine.Engine, out, x []float64, shift float64) error {
	d, r := s.of.d, len(s.rows)
	q := newQueue(e, engine.F64)
	defer q.free()
	rows, sums := make([]float64, spanRows*s.width()), make([]float64, spanRows*r)
	return s.blocks(ctx, q, len(x)/d, func(points engine.Buffer, from, k, lo, m int) {
		for i := range m {
			for t, v := range x[(lo+i)*d+from:][:k] {
				rows[i*k+t] = v - shift*s.Origin[from+t]
			}
		}
		w := q.buf("rows", 1, m, k)
		q.write(w, 0, rows[:m*k])
		o := q.buf("products", 1, m, r)
		q.matMul(o, w, points, true)
		q.read(sums[:m*r], o, 0)
		for i, v := range sums[:m*r] {
			out[lo*r+i] += v
		}
	})
}

// width is the count of coordinates of the points that are on the engine at a time. It depends on the law alone, as
// sums over coordinates do.
func (s *Span) width() int { return min(s.of.d, max(64, spanNumbers/s.of.n)) }

// blocks calls f with the basis's points in k coordinates, from number from on, [1, R, K], and m of the rows from lo on.
func (s *Span) blocks(ctx context.Context, q *queue, rows int, f func(points engine.Buffer, from, k, lo, m int)) error {
	d, r := s.of.d, len(s.rows)
	host := make([]float64, r*s.width())
	for from := 0; from < d && rows > 0; from += s.width() {
		k := min(s.width(), d-from)
		for e, j := range s.rows {
			for t, v := range s.of.y[j*d+from:][:k] {
				host[e*k+t] = v - s.Origin[from+t]
			}
		}
		points := q.buf("points", 1, r, k)
		q.write(points, 0, host[:r*k])
		for lo := 0; lo < rows; lo += spanRows {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("dist: %w", err)
			}
			f(points, from, k, lo, min(spanRows, rows-lo))
		}
	}
	return q.done()
}

// Tensor returns rows of coordinates as a tensor.
func (s *Span) Tensor(c []float64) *tensor.Dense {
	return engine.Points(c, len(c)/len(s.rows), len(s.rows))
}

func norm(x []float64) float64 { return blas64.Nrm2(blas64.Vector{N: len(x), Data: x, Inc: 1}) }
