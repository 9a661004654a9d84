package study

import (
	"fmt"

	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/schedule"
)

// pathCase is E18: the limit map does not depend on the schedule or the parametrisation along which the flow
// is integrated.
func pathCase(t *trial) error {
	big, err := dist.RandomMixture(4, of(t, 16, 64), 1+t.s.Seed)
	if err != nil {
		return err
	}
	laws := []namedLaw{{"G1", dist.G1()}, {"G2", dist.G2()}, {fmt.Sprintf("mixture d=%d", big.Dim()), big}}
	if !t.s.Quick {
		digits, err := dist.NewPoints(dist.Digits(), nil, dist.DigitsBandwidth)
		if err != nil {
			return err
		}
		laws = append(laws, namedLaw{"digits", digits})
	}
	for i, l := range laws {
		x := t.sample(l.law, 16)
		ref, err := t.encode(l.law, x, strict())
		if err != nil {
			return err
		}
		for _, name := range schedule.Names() {
			path, err := schedule.ByName(name)
			if err != nil {
				return err
			}
			for _, method := range []string{"adams", "dopri5"} {
				r, err := t.encode(l.law, x, flow.Settings{Method: method, Path: path, Rtol: 1e-11, Atol: 1e-11})
				if err != nil {
					return err
				}
				// Up to some hundred steps, each within 1e-11, expanded by 1/sqrt(.05) at most. The reference
				// is of the trigonometric path and the method adams.
				t.zero(fmt.Sprintf("%s %s %s", l.name, name, method), farthest(numbers(r.X), numbers(ref.X)), t.within(1e-9, 1000),
					"%.0f evaluations a sample", r.Stats.NFEMean)
			}
			if err := t.ctx.Err(); err != nil {
				return err
			}
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}
