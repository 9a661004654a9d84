package ot

import (
	"context"
	"errors"
	"math"
	"slices"

	"monge/engine"
)

// enoughRounding is the share of a bracket's width that the rounding of its products may be.
const enoughRounding = 1. / 256

// finish evaluates a run's result: the plan's cost and marginal error, the dual value, the bracket of the
// unregularised optimum, and the potentials. l is the loop of the last iterations. Where these were float32 and the engine
// sums plans in float64 itself, their products do as long as what they may be off is little of the bracket's width; else
// all is done in float64.
func (k *sinkhorn) finish(ctx context.Context, e engine.Engine, r *Result, l *loop) error {
	if err := k.spareColumns(ctx, e); err != nil {
		return err
	}
	own, err := finishAll(ctx, e, []*sinkhorn{k}, []*Result{r}, l)
	if err != nil || own[0] {
		return err
	}
	l.free()
	k.reduction.free()
	return k.finishAlone(ctx, e, r)
}

// finishAlone is finish in float64, from the potentials alone.
func (k *sinkhorn) finishAlone(ctx context.Context, e engine.Engine, r *Result) error {
	if err := k.open(e, engine.F64); err != nil {
		return err
	}
	defer k.reduction.free()
	l, err := k.newLoop(e)
	if err != nil {
		return err
	}
	defer l.free()
	_, err = finishAll(ctx, e, []*sinkhorn{k}, []*Result{r}, l)
	return err
}

// finishAll evaluates the results of the problems of a loop, and says which of them are exact enough.
//
// The plan P is evaluated, and then P rounded to the exact marginals: its rows are scaled to a, by one more row half, and
// columns that are then too heavy down to b; what is missing from the rows and columns, ea and eb, is moved by the plan
// ea eb' / |ea|_1, whose cost is known from the moments of ea and eb. The lower bound is the dual value of the pair
// (g^c, g^cc) of c-transforms over the points with weight. That is two evaluations by the engine.
func finishAll(ctx context.Context, e engine.Engine, runs []*sinkhorn, results []*Result, l *loop) (enough []bool, err error) {
	enough = make([]bool, len(runs))
	t := l.op.X.Dtype()
	if _, own := e.(engine.PlanSummer); t == engine.F32 && !own {
		return enough, nil
	}
	p, err := newPlans(e, &l.op)
	if err != nil {
		return nil, err
	}
	defer p.free()
	var u, h, near, a []float64
	for _, k := range runs {
		k.setBias(k.eps)
		u, a = append(u, k.bias...), append(a, k.a...)
		for j, b := range k.b {
			h = append(h, -k.shiftY[j])
			v := k.g[j]
			if b == 0 {
				v = math.Inf(-1)
			}
			near = append(near, v)
		}
	}
	op := p.op
	err = errors.Join(p.write(op.U, u), p.write(op.H, h), p.write(op.P, near), p.write(op.A, a))
	if err == nil {
		op.R, op.Q, op.ColMax = nil, nil, nil
		err = p.run(ctx, op)
	}
	if err != nil {
		return nil, err
	}
	n, m := l.n, l.m
	q := make([]float64, 0, len(runs)*n)
	for b, k := range runs {
		k.planCost(results[b], p.lse[b*n:][:n], p.score[b*n:][:n])
		for j, c := range p.columns[b*m:][:m] {
			if c > k.b[j] {
				u[b*m+j] += k.logB[j] - engine.Ln(c)
			}
		}
		for i, w := range k.a {
			v := -p.rowMax[b*n+i]
			if w == 0 {
				v = math.Inf(-1)
			}
			q = append(q, v)
		}
	}
	op = p.op
	rows := slices.Clone(p.lse)
	err = errors.Join(p.write(op.U, u), p.write(op.R, rows), p.write(op.Q, q))
	if err == nil {
		op.P, op.RowMax = nil, nil
		err = p.run(ctx, op)
	}
	if err != nil {
		return nil, err
	}
	for b, k := range runs {
		r := results[b]
		kept := p.lse[b*n:][:n]
		for i, w := range k.a {
			kept[i] = w * math.Exp(min(0, kept[i]-rows[b*n+i]))
		}
		upper, above := k.completed(kept, p.score[b*n:][:n], p.columns[b*m:][:m], t)
		lower, below := k.lowerBound(q[b*n:][:n], p.colMax[b*m:][:m], t)
		r.Lower, r.Upper = max(0, lower), upper
		enough[b] = t == engine.F64 || above+below <= enoughRounding*(upper-lower)
		k.result(r)
	}
	return enough, nil
}

// result writes the potentials out.
func (k *sinkhorn) result(r *Result) {
	r.Iterations = k.done
	r.F, r.G = make([]float64, k.n), make([]float64, k.m)
	for i := range r.F {
		r.F[i] = k.f[i] + k.shiftX[i]
	}
	for j := range r.G {
		r.G[j] = k.g[j] + k.shiftY[j]
	}
}

// spareColumns gives columns without weight the potential that the iteration would, in float64.
func (k *sinkhorn) spareColumns(ctx context.Context, e engine.Engine) error {
	var spare []int
	for j, b := range k.b {
		if b == 0 {
			spare = append(spare, j)
		}
	}
	if spare == nil {
		return nil
	}
	if r := k.reduction; r == nil || r.t != engine.F64 {
		if err := k.open(e, engine.F64); err != nil {
			return err
		}
		defer func() {
			k.reduction.free()
			k.reduction = r
		}()
	}
	return k.columnsAlone(ctx, k.eps, spare)
}

// planCost sets the plan's cost, the row marginal's error and the dual value, from the rows' log-sum-exps and scores
// sum_j r_ij (|x_i|^2 - |x_i - y_j|^2), with x moved.
func (k *sinkhorn) planCost(r *Result, lse, score []float64) {
	var cost, total, residual engine.Compensated
	for i, a := range k.a {
		if a == 0 {
			continue
		}
		grow := math.Expm1(k.f[i]/k.eps + lse[i])
		cost.Add(a * (1 + grow) * max(0, k.shiftX[i]-score[i]))
		total.Add(a * grow)
		residual.Add(a * math.Abs(grow))
	}
	r.Cost, r.MarginalError = cost.Value(), residual.Value()
	r.Dual = k.dualValue(k.f, k.g) - k.eps*total.Value()
}

// completed returns the cost of a plan with the given sums of rows, at most a, and of columns, completed to the marginals
// by a product plan, and with it a bound of its rounding: that of products of type t besides. These are each off by at
// most (d + 8) u |x_i| |y_j|, whose mean over a plan is at most that of the roots of the clouds' mean squares.
func (k *sinkhorn) completed(kept, score, columns []float64, t engine.Dtype) (upper, rounding float64) {
	fit := 1.0
	for j, c := range columns {
		if c > k.b[j] {
			fit = min(fit, k.b[j]/c)
		}
	}
	var cost engine.Compensated
	missingA, missingB := make([]float64, k.n), make([]float64, k.m)
	for i, a := range k.a {
		cost.Add(fit * kept[i] * max(0, k.shiftX[i]-score[i]))
		missingA[i] = max(0, a-fit*kept[i])
	}
	for j, b := range k.b {
		missingB[j] = max(0, b-fit*columns[j])
	}
	mean := meanCost(k.mx, k.my)
	rounding = k.productRounding(t) * math.Sqrt(k.mx.square) * math.Sqrt(k.my.square)
	return cost.Value() + productCost(k.moved, missingA, k.my.centred, missingB, k.d) + rounding +
		float64(k.d+16)*engine.F64.Eps()*(mean+math.Sqrt(mean)*extent(k.mx, k.my)), rounding
}

// productRounding bounds the error of 2 <x_i, y_j> over |x_i| |y_j|: of the sum, of the points' own rounding, and of its
// addition to another number.
func (k *sinkhorn) productRounding(t engine.Dtype) float64 {
	terms := float64(k.d+8) * t.Eps()
	return 2 * terms / (1 - terms)
}

// productCost returns sum_ij a_i b_j |x_i - y_j|^2 / max(sum a, sum b) of two measures of (but for rounding)
// equal mass.
func productCost(x, a, y, b []float64, d int) float64 {
	massA, meanA, squareA := measure(x, a, d)
	massB, meanB, squareB := measure(y, b, d)
	if massA == 0 || massB == 0 {
		return 0
	}
	return max(massA, massB) * (squaredDistance(meanA, meanB) + squareA + squareB)
}

// measure returns a measure's mass, mean and mean square about the mean.
func measure(x, w []float64, d int) (mass float64, mean []float64, square float64) {
	var m engine.Compensated
	for _, v := range w {
		m.Add(v)
	}
	mass = m.Value()
	mean = make([]float64, d)
	if !(mass > 0) {
		return 0, mean, 0
	}
	for i, v := range w {
		for t, z := range x[i*d : i*d+d] {
			mean[t] += v / mass * z
		}
	}
	var s engine.Compensated
	for i, v := range w {
		s.Add(v / mass * squaredDistance(x[i*d:i*d+d], mean))
	}
	return mass, mean, s.Value()
}

// dualValue returns <a, F> + <b, G> for shifted potentials.
func (k *sinkhorn) dualValue(f, g []float64) float64 {
	var s engine.Compensated
	s.Add(meanCost(k.mx, k.my)) // <a, F - f> + <b, G - g>
	for i, a := range k.a {
		if a > 0 {
			s.Add(a * f[i])
		}
	}
	for j, b := range k.b {
		if b > 0 {
			s.Add(b * g[j])
		}
	}
	return s.Value()
}

// lowerBound returns the dual value of the potentials f, -Inf where there is no weight, and g_j = -top_j, their
// c-transform, less what the rounding of that can amount to, and how much of this products of type t make. f itself may
// be anything.
func (k *sinkhorn) lowerBound(f, top []float64, t engine.Dtype) (lower, rounding float64) {
	largest := 0.0
	for i, a := range k.a {
		if a > 0 {
			largest = max(largest, math.Abs(f[i]))
		}
	}
	g := make([]float64, k.m)
	for j, v := range top {
		g[j] = -v
	}
	mean := meanCost(k.mx, k.my)
	rounding = k.productRounding(t)*k.mx.radius*math.Sqrt(k.my.square) + 4*t.Eps()*largest
	// The mean cost is rounded as a sum, and by the rounding of the means.
	open := float64(k.d+16) * engine.F64.Eps() * (mean + math.Sqrt(mean)*extent(k.mx, k.my))
	return k.dualValue(f, g) - rounding - open, rounding
}
