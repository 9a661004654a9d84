package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gorgonia.org/tensor"
)

// blindnessCase is E11: m independent copies of G1 are as far from optimal as G1 at every m, but the pairing
// of 500 points is optimal from d = 4 on. The Jacobian's asymmetry and the assignment within one block of two
// coordinates see it at every d.
func blindnessCase(t *trial) error {
	dims := of(t, []int{2, 4, 16, 64}, []int{2, 4, 8, 16, 64, 512, 3072})
	gap := Curve{Name: "gap of 500 points"}
	block := Curve{Name: "gap of 500 points, by blocks"}
	asym := Curve{Name: "asymmetry of J"}
	for i, d := range dims {
		g, b, a, err := t.blind(d)
		if err != nil {
			return err
		}
		gap.X, gap.Y = append(gap.X, float64(d)), append(gap.Y, g)
		block.X, block.Y = append(block.X, float64(d)), append(block.Y, b)
		asym.X, asym.Y = append(asym.X, float64(d)), append(asym.Y, a)
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	// The cloud's own zeros cannot stand on a logarithmic axis.
	for i, v := range gap.Y {
		gap.Y[i] = math.Max(v, 1e-6)
	}
	gap.Name += " (1e-6 stands for 0)"
	t.figure(Figure{Title: "copies of G1: the cloud is blind", X: "d", Y: "relative gap; |J - J^T|/|J|", LogX: true, LogY: true, Curves: []Curve{gap, block, asym}})
	return nil
}

func (t *trial) blind(d int) (gap, byBlock, asym float64, err error) {
	const n = 500
	m := d / 2
	law, err := dist.NewCopies(dist.G1(), m)
	if err != nil {
		return 0, 0, 0, err
	}
	name := func(what string) string { return fmt.Sprintf("d=%d %s", d, what) }
	x := t.sample(law, n)
	r, err := t.encode(law, x, flow.Settings{Rtol: 1e-8, Atol: 1e-8})
	if err != nil {
		return 0, 0, 0, err
	}
	c, err := t.certify(x, r.X)
	if err != nil {
		return 0, 0, 0, err
	}
	gap = c.RelativeUpper
	if d == 2 {
		t.row(name("eps_rel"), 3.1e-3, gap, 2.4e-3, "four standard deviations of a cloud; moved %.3g, slack margin %.2g", c.MovedFraction, c.SlackMargin)
	} else {
		t.zero(name("eps_rel"), gap, t.within(1e-9, .3), "n = %d, moved %g, slack margin %.3g", n, c.MovedFraction, c.SlackMargin)
	}

	// The first blocks, each as a cloud of its own in the plane.
	blocks := min(m, of(t, 4, 16))
	for b := range blocks {
		pick := func(p *tensor.Dense) *tensor.Dense {
			v, all := make([]float64, 0, 2*n), numbers(p)
			for i := range n {
				v = append(v, all[i*d+2*b:i*d+2*b+2]...)
			}
			return engine.Points(v, n, 2)
		}
		g, err := t.gap(pick(x), pick(r.X))
		if err != nil {
			return 0, 0, 0, err
		}
		byBlock += g / float64(blocks)
	}
	t.row(name("eps_rel by blocks"), 3.1e-3, byBlock, 4*6e-4/math.Sqrt(float64(blocks)), "mean of %d blocks; four standard errors", blocks)

	// The blocks' exact Jacobians say what the asymmetry of the whole is.
	points := of(t, 32, 64)
	few := engine.Points(numbers(x)[:points*d], points, d)
	s := flow.Settings{Rtol: 1e-9, Atol: 1e-9}
	a, err := t.asymmetry(law, few, s)
	if err != nil {
		return 0, 0, 0, err
	}
	s.Jacobian = true
	own, err := t.encode(dist.G1(), engine.Points(numbers(few), points*m, 2), s)
	if err != nil {
		return 0, 0, 0, err
	}
	var want float64
	for i := range points {
		var skew, norm float64
		for b := range m {
			j := cells(own.Jacobian)[4*(i*m+b):]
			skew += 2 * (j[1] - j[2]) * (j[1] - j[2])
			norm += j[0]*j[0] + j[1]*j[1] + j[2]*j[2] + j[3]*j[3]
		}
		want += math.Sqrt(skew/norm) / float64(points)
	}
	// Exact Jacobians up to 16 coordinates; 8 directions a point make 28 pairs, whose mean square varies by
	// sqrt(2/28) and its root by half of that, over so many points, and is too low by a hundredth.
	tol := t.within(1e-6, 100)
	if a.Probes > 0 {
		tol = want * (.02 + 4*.14/math.Sqrt(float64(points)))
	}
	t.row(name("asym"), want, a.Mean, tol, "from %d probes (0 = exact) at %d points, against exact blocks", a.Probes, points)
	return gap, byBlock, a.Mean, nil
}
