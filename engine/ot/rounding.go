package ot

import (
	"context"
	"math"

	"monge/engine"
)

// finish evaluates a run's result in float64: the plan's cost and marginal error, the dual value, the
// bracket of the unregularised optimum, and the potentials.
func (k *sinkhorn) finish(ctx context.Context, r *Result) error {
	if err := k.spareColumns(ctx); err != nil {
		return err
	}
	if err := k.planCost(ctx, r); err != nil {
		return err
	}
	if err := k.lowerBound(ctx, r); err != nil {
		return err
	}
	r.Iterations = k.done
	r.F, r.G = make([]float64, k.n), make([]float64, k.m)
	for i := range r.F {
		r.F[i] = k.f[i] + k.shiftX[i]
	}
	for j := range r.G {
		r.G[j] = k.g[j] + k.shiftY[j]
	}
	return nil
}

// spareColumns gives columns without weight the potential that the iteration would.
func (k *sinkhorn) spareColumns(ctx context.Context) error {
	var spare []int
	for j, b := range k.b {
		if b == 0 {
			spare = append(spare, j)
		}
	}
	if spare == nil {
		return nil
	}
	return k.columnsAlone(ctx, k.eps, spare)
}

// planCost evaluates <P, C>, the row marginal's error, the dual value, and the cost of the plan rounded to
// the exact marginals: P's rows are scaled to a (by one more row half), columns that are then too heavy are
// scaled down to b, and what is then missing from the rows and columns, ea and eb, is moved by the plan
// ea eb' / |ea|_1, whose cost is known from the moments of ea and eb.
func (k *sinkhorn) planCost(ctx context.Context, r *Result) error {
	k.setBias(k.eps)
	spread := make([]float64, k.n)
	meanSquare := func(i int, mean []float64, second float64) {
		// sum_j r_ij |x_i - y_j|^2 as |x_i - mean|^2 and the variance about the mean.
		spread[i] = squaredDistance(k.moved[i*k.d:(i+1)*k.d], mean) + max(0, second-dot(mean, mean))
	}
	p := &pass{scale: 2 / k.eps, bias: k.bias, weight: k.a, lse: k.lse, colSum: k.columns, spread: meanSquare}
	err := k.reduction.run(ctx, p)
	if err != nil {
		return err
	}
	var cost, total, residual accumulator
	for i, a := range k.a {
		if a == 0 {
			continue
		}
		grow := math.Expm1(k.f[i]/k.eps + k.lse[i])
		cost.add(a * (1 + grow) * spread[i])
		total.add(a * grow)
		residual.add(a * math.Abs(grow))
	}
	r.Cost, r.MarginalError = cost.sum(), residual.sum()
	r.Dual = k.dualValue(k.f, k.g) - k.eps*total.sum()

	bias := append([]float64(nil), k.bias...)
	for j, c := range k.columns {
		if c > k.b[j] {
			bias[j] += k.logB[j] - math.Log(c)
		}
	}
	kept := make([]float64, k.n)
	if err := k.reduction.run(ctx, &pass{scale: 2 / k.eps, bias: bias, lse: kept, spread: meanSquare}); err != nil {
		return err
	}
	for i, a := range k.a {
		kept[i] = a * math.Exp(min(0, kept[i]-k.lse[i]))
	}
	r.Upper, err = k.completed(ctx, bias, kept, spread)
	return err
}

// completed returns the cost of the plan with rows kept_i softmax_j(z_ij + bias_j), whose mean costs are
// spread, completed to the marginals by a product plan.
func (k *sinkhorn) completed(ctx context.Context, bias, kept, spread []float64) (float64, error) {
	// The columns of this very plan: bias and products of the reduction that made bias are rounded
	// otherwise, which at small eps amounts to more than the last digits of the mass.
	columns := make([]float64, k.m)
	if err := k.reduction.run(ctx, &pass{scale: 2 / k.eps, bias: bias, weight: kept, colSum: columns}); err != nil {
		return 0, err
	}
	fit := 1.0
	for j, c := range columns {
		if c > k.b[j] {
			fit = min(fit, k.b[j]/c)
		}
	}
	var cost accumulator
	missingA, missingB := make([]float64, k.n), make([]float64, k.m)
	for i, a := range k.a {
		cost.add(fit * kept[i] * spread[i])
		missingA[i] = max(0, a-fit*kept[i])
	}
	for j, b := range k.b {
		missingB[j] = max(0, b-fit*columns[j])
	}
	mean := meanCost(k.mx, k.my)
	return cost.sum() + productCost(k.moved, missingA, k.my.centred, missingB, k.d) +
		float64(k.d+16)*engine.F64.Eps()*(mean+math.Sqrt(mean)*extent(k.mx, k.my)), nil
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
	var m accumulator
	for _, v := range w {
		m.add(v)
	}
	mass = m.sum()
	mean = make([]float64, d)
	if !(mass > 0) {
		return 0, mean, 0
	}
	for i, v := range w {
		for t, z := range x[i*d : i*d+d] {
			mean[t] += v / mass * z
		}
	}
	var s accumulator
	for i, v := range w {
		s.add(v / mass * squaredDistance(x[i*d:i*d+d], mean))
	}
	return mass, mean, s.sum()
}

// dualValue returns <a, F> + <b, G> for shifted potentials.
func (k *sinkhorn) dualValue(f, g []float64) float64 {
	var s accumulator
	s.add(meanCost(k.mx, k.my)) // <a, F - f> + <b, G - g>
	for i, a := range k.a {
		if a > 0 {
			s.add(a * f[i])
		}
	}
	for j, b := range k.b {
		if b > 0 {
			s.add(b * g[j])
		}
	}
	return s.sum()
}

// lowerBound evaluates the dual value of the pair (g^c, g^cc) of c-transforms over the points with weight,
// less what the rounding of its dot products can amount to.
func (k *sinkhorn) lowerBound(ctx context.Context, r *Result) error {
	top := 0.0
	transform := func(side int, v, w []float64) ([]float64, error) {
		bias := make([]float64, len(v))
		for j := range bias {
			if bias[j] = v[j]; w[j] == 0 {
				bias[j] = math.Inf(-1)
			} else {
				top = max(top, math.Abs(v[j]))
			}
		}
		out := make([]float64, k.n+k.m-len(v))
		err := k.reduction.run(ctx, &pass{side: side, scale: 2, bias: bias, max: out})
		for i := range out {
			out[i] = -out[i]
		}
		return out, err
	}
	f, err := transform(rowsOfX, k.g, k.b)
	if err != nil {
		return err
	}
	g, err := transform(rowsOfY, f, k.a)
	if err != nil {
		return err
	}
	unit := engine.F64.Eps()
	mean := meanCost(k.mx, k.my)
	rounding := 2 * float64(k.d+8) * unit * (k.scale + top) // of each transform
	// The mean cost is rounded as a sum, and by the rounding of the means.
	rounding = 2*rounding + float64(k.d+16)*unit*(mean+math.Sqrt(mean)*extent(k.mx, k.my))
	r.Lower = max(0, k.dualValue(f, g)-rounding)
	return nil
}
