package study

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"

	"gorgonia.org/tensor"
)

// sandwichCase is E13: the optimum between lower bounds that need no solver, the dual value of the certificate,
// and the encoder's cost. Gelbrich's bound is the cost itself where the encoder is affine, and the sum of the
// marginals' where it acts coordinate by coordinate, in the frame where it does.
func sandwichCase(t *trial) error {
	fig := Figure{Title: "lower bounds over the encoder's cost", X: "d", Y: "bound / cost", LogX: true, Curves: []Curve{
		{Name: "Gelbrich"}, {Name: "marginals, axes"}, {Name: "marginals, right frame"}, {Name: "sliced"}, {Name: "dual"}}}
	dims := of(t, []int{2, 16, 64}, []int{2, 16, 64, 784, 3072})
	for i, d := range dims {
		if err := t.affineSandwich(d); err != nil {
			return err
		}
		if err := t.productSandwich(d, &fig); err != nil {
			return err
		}
		copies, err := dist.NewCopies(dist.G1(), d/2)
		if err != nil {
			return err
		}
		if _, err := t.sandwich(fmt.Sprintf("copies of G1 d=%d", d), copies, nil); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	t.figure(fig)
	return nil
}

// lowerBounds are those of a coupling, with its certificate.
type lowerBounds struct {
	Bounds
	frame float64 // marginals in the frame given
	*ot.Certificate
}

// sandwich holds every lower bound of a law's coupling below the optimum, and that below the cost.
func (t *trial) sandwich(name string, law dist.Distribution, frame turns) (*lowerBounds, error) {
	n := of(t, 200, 500)
	if law.Dim() > 1000 { // a dense rotation of every point in every step
		n = 100
	}
	x := t.sample(law, n)
	r, err := t.encode(law, x, flow.Settings{Rtol: 1e-8, Atol: 1e-8})
	if err != nil {
		return nil, err
	}
	b := new(lowerBounds)
	if b.Certificate, err = t.certify(x, r.X); err != nil {
		return nil, err
	}
	if b.Bounds, err = bounds(t.ctx, ot.Clouds{X: x, Y: r.X}, t.s.Seed); err != nil {
		return nil, err
	}
	if frame != nil {
		if b.frame, err = ot.Marginal(t.ctx, ot.Clouds{X: turnedBack(x, frame), Y: turnedBack(r.X, frame)}); err != nil {
			return nil, err
		}
	}
	best := slices.Max([]float64{b.Gelbrich, b.Marginal, b.Principal, b.Sliced, b.frame})
	// Rounding alone: these are bounds of this very cloud.
	t.zero(name+" lower bounds above the optimum", math.Max(0, best/b.Upper-1), 1e-9,
		"cost %.6g, dual %.6g, Gelbrich %.6g, marginal %.6g, principal %.6g, sliced %.6g", b.Cost, b.Lower, b.Gelbrich, b.Marginal, b.Principal, b.Sliced)
	t.zero(name+" optimum above the cost", math.Max(0, b.Lower/b.Cost-1), 1e-12)
	return b, nil
}

func (t *trial) affineSandwich(d int) error {
	law, err := dist.RandomGaussian(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("Gaussian d=%d", d)
	b, err := t.sandwich(name, law, nil)
	if err != nil {
		return err
	}
	t.row(name+" Gelbrich over the cost", 1, b.Gelbrich/b.Cost, t.within(1e-9, 10))
	return nil
}

func (t *trial) productSandwich(d int, fig *Figure) error {
	plain, _, err := lineProduct(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	frame := reflections(d, 1+t.s.Seed)
	law, err := dist.NewRotation(plain, frame.matrix())
	if err != nil {
		return err
	}
	name := fmt.Sprintf("rotated product d=%d", d)
	b, err := t.sandwich(name, law, frame)
	if err != nil {
		return err
	}
	t.row(name+" marginals in its frame over the cost", 1, b.frame/b.Cost, t.within(1e-9, 10))
	for i, v := range []float64{b.Gelbrich, b.Marginal, b.frame, b.Sliced, b.Lower} {
		c := &fig.Curves[i]
		c.X, c.Y = append(c.X, float64(d)), append(c.Y, v/b.Cost)
	}
	return nil
}

// turnedBack returns the rows of x in the frame: R^T x.
func turnedBack(x *tensor.Dense, frame turns) *tensor.Dense {
	return engine.Points(eachRow(x, func(dst, row []float64) {
		copy(dst, row)
		frame.transposed(dst)
	}), x.Shape()[0], x.Shape()[1])
}
