package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
)

// newton makes Newton steps of Sinkhorn's method where the plan is sparse, which is where eps is small and fixed-point
// iterations crawl: parts of the clouds then exchange mass by entries of the plan that are exponentially small.
//
// After the rows' half the columns' sums c depend on g alone, and with the plan P, whose rows have mass a,
//
//	dc / d(g/eps) = diag(c) - P' diag(1/a) P,
//
// the Laplacian of a graph on the columns. Its system with b - c is solved by conjugate gradients, on the entries of P
// that are not negligible; what is left out makes a direction inexact, not the result, as every step is measured by the
// residual of a whole pass.
//
// Source: Brauer, Clason, Lorenz, Wirth, A Sinkhorn-Newton method for entropic optimal transport, 2017; Tang et al.,
// Accelerating Sinkhorn algorithms with sparse Newton iterations, ICLR 2024.
type newton struct {
	start  []int     // of the rows' entries
	column []int32   // of the entries
	z      []float64 // 2 <x_i, y_j>
	p      []float64 // the plan, row by row of mass 1
	built  []float64 // g that the entries were chosen at

	best               float64
	bestF, bestG, step []float64 // of the best residual: potentials, and the step of a plain iteration
	limit              float64   // of a potential's change in units of eps
	failed             int       // steps in sequence that made it worse
	slow               int       // steps since the residual was a tenth of since
	since              float64
}

const (
	newtonAfter   = 8       // accelerated iterations that are made before
	newtonCut     = 16      // entries below e^-16 of their row's are left out
	newtonShift   = 10      // change of g, in units of eps, after which they are chosen again
	newtonLimit   = 2       // largest change of a potential in units of eps, as that of an entry's logarithm
	newtonFails   = 3       // steps in sequence that end it where none betters the residual,
	newtonSlow    = 40      // and steps in which it does not fall to a tenth
	newtonResume  = .2      // the part of the residual at which it ended that it begins again at
	newtonSolve   = 500     // conjugate gradients a step
	newtonForce   = 1e-2    // their residual
	newtonPairs   = 1 << 28 // pairs that are looked at for entries
	newtonEntries = 256     // entries a point on average
	newtonShare   = 8       // of the pairs, one in so many
)

// newtonStep sets k.g to the next iterate of Newton's method, from potentials k.g and k.f after their rows' half, the
// plain iteration's k.step and the residual, or says false where it is not, or no longer, under way.
func (k *sinkhorn) newtonStep(ctx context.Context, e engine.Engine, size float64) (bool, error) {
	if k.mixed++; k.rough.on || k.mixed < newtonAfter || k.newton == nil && !(size < k.retry) {
		return false, nil
	}
	if k.newton == nil || k.newton.far(k) {
		w, err := k.newNewton(ctx, e, k.g)
		if err != nil {
			return false, err
		}
		if w != nil && k.newton != nil {
			old := k.newton
			w.best, w.bestF, w.bestG, w.step = old.best, old.bestF, old.bestG, old.step
			w.limit, w.failed, w.slow, w.since = old.limit, old.failed, old.slow, old.since
		}
		if k.newton = w; w == nil {
			k.retry = 0 // and in no other place fewer
			return false, nil
		}
	}
	stepped, err := k.newton.next(ctx, k, size)
	if !stepped {
		k.retry = newtonResume * k.newton.best
		k.newton = nil
		k.mixing.reset()
	}
	return stepped, err
}

// newNewton chooses the entries at potentials g and f after the rows' half; nil where there are too many.
func (k *sinkhorn) newNewton(ctx context.Context, e engine.Engine, g []float64) (*newton, error) {
	pairs := float64(k.n) * float64(k.m)
	if pairs > newtonPairs {
		return nil, nil
	}
	const bytes = 20 // an entry's
	most := int(min(pairs/newtonShare, newtonEntries*float64(k.n+k.m), float64(k.plan.spare)/bytes))
	w := &newton{start: make([]int, 1, k.n+1), built: append([]float64(nil), g...), best: math.Inf(1), limit: newtonLimit}
	bias := make([]float64, k.m)
	for j, l := range k.logB {
		bias[j] = g[j]/k.eps + l
	}
	x, y := k.reduction.device[rowsOfX], k.reduction.device[rowsOfY]
	rows := max(1, min(k.n, (1<<20)/k.m))
	out, err := e.Alloc(k.reduction.t, 1, rows, k.m)
	if err != nil {
		return nil, fmt.Errorf("ot: %w", err)
	}
	defer out.Free()
	products := make([]float64, rows*k.m)
	for i := 0; i < k.n; i += rows {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("ot: %w", err)
		}
		some := min(rows, k.n-i)
		err := e.MatMul(out.View(0, 1, some, k.m), x.View(i*k.d, 1, some, k.d), y, true)
		if err == nil {
			err = e.Read(products[:some*k.m], out, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("ot: %w", err)
		}
		for r := range some {
			if k.a[i+r] > 0 {
				w.choose(k, i+r, products[r*k.m:][:k.m], bias)
			}
			w.start = append(w.start, len(w.column))
			if len(w.column) > most {
				return nil, nil
			}
		}
	}
	w.p = make([]float64, len(w.z))
	return w, nil
}

// choose adds the entries of row i.
func (w *newton) choose(k *sinkhorn, i int, products, bias []float64) {
	scale := 2 / k.eps
	least := -k.f[i]/k.eps - newtonCut
	for j, v := range products {
		if scale*v+bias[j] > least {
			w.column = append(w.column, int32(j))
			w.z = append(w.z, 2*dot(k.mx.centred[i*k.d:][:k.d], k.my.centred[j*k.d:][:k.d]))
		}
	}
}

// next replaces k.g, the potentials that the last pass began with, by those of the next, from their residual size. It
// says false where Newton's method does not help; k.g and k.step are then those of the best residual.
func (w *newton) next(ctx context.Context, k *sinkhorn, size float64) (bool, error) {
	if size < w.best {
		w.best, w.failed, w.limit = size, 0, min(newtonLimit, 2*w.limit)
		w.bestF, w.bestG, w.step = append(w.bestF[:0], k.f...), append(w.bestG[:0], k.g...), append(w.step[:0], k.step...)
	} else {
		w.failed++
		w.limit /= 4
	}
	if w.slow++; w.best <= w.since/10 || w.since == 0 {
		w.slow, w.since = 0, w.best
	}
	copy(k.g, w.bestG)
	copy(k.step, w.step)
	if w.failed == newtonFails || w.slow == newtonSlow {
		return false, nil
	}
	change, err := w.solve(ctx, k)
	var mean float64 // a constant in g changes nothing but f
	for j, v := range change {
		change[j] = max(-w.limit, min(v, w.limit))
		mean += k.b[j] * change[j]
	}
	for j, v := range change {
		k.g[j] += k.eps * (v - mean)
	}
	return true, err
}

// far says that the potentials have left the place at which the entries were chosen.
func (w *newton) far(k *sinkhorn) bool {
	for j, g := range k.g {
		if k.b[j] > 0 && math.Abs(g-w.built[j]) > newtonShift*k.eps {
			return true
		}
	}
	return false
}

// solve returns the change of g / eps by conjugate gradients with the diagonal as preconditioner.
func (w *newton) solve(ctx context.Context, k *sinkhorn) ([]float64, error) {
	// What the entries chosen cannot carry would be an infinite change.
	const regular = 1e-9
	diagonal, r := make([]float64, k.m), make([]float64, k.m)
	for i, a := range k.a {
		var sum float64
		for q := w.start[i]; q < w.start[i+1]; q++ {
			j := w.column[q]
			w.p[q] = math.Exp((w.z[q]+w.bestF[i]+w.bestG[j])/k.eps + k.logB[j])
			sum += w.p[q]
		}
		if sum == 0 {
			continue
		}
		for q := w.start[i]; q < w.start[i+1]; q++ {
			w.p[q] /= sum
			diagonal[w.column[q]] += a * w.p[q] * (1 - w.p[q])
		}
	}
	for j, b := range k.b {
		if b > 0 {
			diagonal[j] += regular * b
			r[j] = -b * math.Expm1(-w.step[j]/k.eps) // b - c
		}
	}
	x, s, q, z := make([]float64, k.m), make([]float64, k.m), make([]float64, k.m), make([]float64, k.m)
	precondition := func() (product float64) {
		for j, d := range diagonal {
			if z[j] = 0; d > 0 {
				z[j] = r[j] / d
			}
			product += z[j] * r[j]
		}
		return product
	}
	rho := precondition()
	copy(s, z)
	for first, i := rho, 0; i < newtonSolve && rho > newtonForce*newtonForce*first; i++ {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("ot: %w", err)
		}
		for j, v := range s {
			q[j] = regular * k.b[j] * v
		}
		w.multiply(q, s, k.a)
		curvature := dot(s, q)
		if !(curvature > 0) {
			break
		}
		alpha := rho / curvature
		for j := range x {
			x[j] += alpha * s[j]
			r[j] -= alpha * q[j]
		}
		before := rho
		rho = precondition()
		for j, v := range z {
			s[j] = v + rho/before*s[j]
		}
	}
	return x, nil
}

// multiply adds the Laplacian times v to out: sum_i a_i p_ij (v_j - <p_i, v>).
func (w *newton) multiply(out, v, a []float64) {
	for i, weight := range a {
		columns, p := w.column[w.start[i]:w.start[i+1]], w.p[w.start[i]:w.start[i+1]]
		var mean float64
		for q, j := range columns {
			mean += p[q] * v[j]
		}
		for q, j := range columns {
			out[j] += weight * p[q] * (v[j] - mean)
		}
	}
}
