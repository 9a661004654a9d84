package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/flow"
	"monge/engine/schedule"
)

// tableau gives the stages unit vectors for slopes, so that points and steps show the method's numbers.
func (s *stepping) tableau(method string) error {
	var t engine.Tableau
	t.A, t.B, t.C = flow.Tableau(method)
	stages := len(t.B)
	t.FSAL = stages > 1 && t.C[stages-1] == 1 && t.B[stages-1] == 0
	list := []int{3}
	if t.FSAL {
		// A method's errors are data as its weights are; these differ from each other.
		for i := range t.B {
			t.Errors = append(t.Errors, float64(1-2*(i%2))/float64(3+i))
		}
		t.Low, list = 4, append(list, 0)
	}
	p := schedule.Linear{}
	for _, steps := range list {
		for _, c := range []engine.StepControl{{End: 1}, {Start: 1}, {Start: 1, End: .25}, {Start: 1e-9, End: 1e-9 + 1e-12}} {
			c.Curve, c.Group, c.Atol, c.Rtol = p.Curve(), stages, .3, .1
			c.Safety, c.Shrink, c.Grow, c.Retry = .9, .2, 5, .8
			s.begin(12, 1+stages, stages, c)
			span := c.End - c.Start
			for i := range s.n {
				r := s.row(i)
				r[engine.TrackU], r[engine.TrackH] = c.Start+span*s.g.Float64(), math.Abs(span)*math.Pow(10, -3*s.g.Float64())
				if steps > 0 {
					r[engine.TrackSteps] = float64(i % steps)
					r[engine.TrackU] = c.Start + span*float64(i%steps)/float64(steps)
				}
				for j := range stages {
					s.hist[i*(1+stages)*stages+j] = uneven{t: s.t}.round(s.g.Normal())
				}
			}
			s.push()
			state := s.hist
			next := make([]float64, s.n)
			unit := make([]float64, s.n*stages)
			for stage := -1; stage < stages; stage++ {
				var f []float64
				if stage >= 0 {
					f = unit
					clear(f)
					for i := range s.n {
						f[i*stages+stage] = 1
					}
				}
				before := s.track
				if err := s.stage(&t, steps, stage, f); err != nil {
					return err
				}
				if err := s.pull(); err != nil {
					return err
				}
				z, coef := s.read(s.z), s.read(s.coef)
				for i := range s.n {
					b := before[i*engine.TrackCount:]
					u, h := b[engine.TrackU], b[engine.TrackH]
					what := fmt.Sprintf("%s, %d steps, stage %d from %v: ", method, steps, stage+1, u)
					if stage < 0 {
						if next[i] = c.Land(u, h); steps > 0 {
							if next[i] = c.End; i%steps+1 < steps {
								next[i] = c.Start + span*float64(i%steps+1)/float64(steps)
							}
						}
						if err := s.within(what+"the step's end", s.row(i)[engine.TrackNext], next[i], 1, 2); err != nil {
							return err
						}
						next[i] = s.row(i)[engine.TrackNext]
					}
					length := next[i] - u
					weights, got := t.B, s.hist[i*(1+stages)*stages:]
					if stage+1 < stages {
						at := u + t.C[stage+1]*length
						if t.C[stage+1] == 1 {
							at = next[i]
						}
						alpha, _, c1, _ := p.At(at)
						// Times are rounded, and where the path is steep that shows.
						steep := 16 + 64*math.Abs(c1)*math.Max(1, math.Abs(at))
						if err := s.within(what+"alpha", coef[4*i], alpha, 1, steep); err != nil {
							return err
						}
						weights, got = t.A[stage+1], z[i*stages:]
					} else if steps == 0 {
						if err := s.error(what, &t, i, length, state[i*(1+stages)*stages:][:stages]); err != nil {
							return err
						}
						if s.row(i)[engine.TrackU] == u { // rejected
							weights = nil
						}
					}
					for j := range stages {
						y, w := state[i*(1+stages)*stages+j], 0.
						if j < len(weights) {
							w = length * weights[j]
						}
						if err := s.within(fmt.Sprintf("%sweight %d", what, j), got[j], y+w, math.Abs(y)+math.Abs(w), 8); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return s.err
}

// error compares the next length of a step from y whose slopes are unit vectors.
func (s *stepping) error(what string, t *engine.Tableau, i int, length float64, y []float64) error {
	var sum float64
	for j, v := range t.Errors {
		e := length * v / (s.control.Atol + s.control.Rtol*math.Abs(y[j]))
		sum += e * e
	}
	e := math.Sqrt(sum / float64(len(y)))
	want := math.Abs(length) * s.control.Limit(s.control.Factor(e, t.Low), e <= 1, false)
	return s.within(what+"next length", s.row(i)[engine.TrackH], want, want, 32)
}

// adams calls AdamsStep with the slopes f, nil to predict only.
func (s *stepping) adams(order int, f []float64) error {
	a := &engine.AdamsStep{Rows: s.rows, Control: s.control, MaxOrder: order, First: .01, Z: s.z, Coef: s.coef}
	if f != nil {
		s.write(s.f, f)
		a.F = s.f
	}
	if s.err != nil {
		return s.err
	}
	return s.s.AdamsStep(a)
}

// adamsRows makes rows of all orders and lengths of history, in shuffled slots at uneven times: evenly spaced, and in
// ratios of up to 10^(6 spread) either way. slope sets row i's slope in a slot.
func (s *stepping) adamsRows(c engine.StepControl, width int, spread float64, slope func(slot int, v []float64)) {
	s.begin(3*engine.AdamsOrder*(engine.AdamsOrder+1)/2, engine.AdamsHistory, width, c)
	dir := math.Copysign(1, c.End-c.Start)
	i := 0
	for known := 1; known <= engine.AdamsOrder; known++ {
		for order := 1; order <= known; order++ {
			for spacing := range 3 {
				r := s.row(i)
				r[engine.TrackOrder], r[engine.TrackKnown] = float64(order), float64(known)
				u := c.Start + (c.End-c.Start)*(.3+.4*s.g.Float64())
				gap := 1e-3
				r[engine.TrackU], r[engine.TrackH], r[engine.TrackRetries] = u, gap, float64(i%2)
				if spacing > 0 {
					r[engine.TrackH] *= math.Pow(10, spread*(6*s.g.Float64()-4))
				}
				for m := range known {
					r[engine.TrackTimes+m] = u
					step := gap
					if spacing > 0 {
						step *= math.Pow(10, spread*(4*s.g.Float64()-4))
					}
					if spacing == 2 {
						step *= math.Pow(.5, spread*float64(m))
					}
					u -= dir * step
				}
				for m, slot := range s.g.Perm(engine.AdamsOrder + 1) {
					r[engine.TrackSlots+m] = float64(1 + slot)
					if m < known {
						slope(slot, s.hist[(i*engine.AdamsHistory+1+slot)*width:][:width])
					}
				}
				i++
			}
		}
	}
	s.push()
}

// unit is a slope that shows its weight.
func unit(slot int, v []float64) { v[slot] = 1 }

// nodes returns the times of row i's last slopes in units of the step from u to next, after those given.
func (s *stepping) nodes(r []float64, count int, u, length float64, first ...float64) []float64 {
	for m := range count {
		first = append(first, (r[engine.TrackTimes+m]-u)/length)
	}
	return first
}

// weighed compares length w with what unit vectors in slots came to.
func (s *stepping) weighed(what string, got []float64, w *flow.AdamsWeights, u []float64, top int, length float64, slots []float64) error {
	w.Find(u, top)
	want, size := make([]float64, len(got)), make([]float64, len(got))
	for m := range top + 1 {
		want[int(slots[m])-1] = length * w.Sum[m]
	}
	for j := range top + 1 {
		w.Find(u, j)
		for m := range j + 1 {
			size[int(slots[m])-1] += math.Abs(length * w.Term[1][m])
		}
	}
	for j := range want {
		// A term is a product of as many differences as there are nodes, each rounded three times, and its integral
		// has one sign.
		if err := s.within(fmt.Sprintf("%s, slot %d", what, 1+j), got[j], want[j], size[j], 6*engine.AdamsOrder); err != nil {
			return err
		}
	}
	return nil
}

// adamsWeights compares the weights of predictors and correctors, and demands that an accepted step's slope joins
// the history and a rejected one's does not.
func (s *stepping) adamsWeights() error {
	const nodes = engine.AdamsOrder + 1
	spread := 1.
	if s.t == engine.F32 { // whose range such weights leave
		spread = .6
	}
	for _, c := range []engine.StepControl{{End: 1, Atol: 1e200}, {Start: 1, Atol: 1e200}, {End: 1, Atol: 1e-200}} {
		c.Group, c.Safety, c.Shrink, c.Grow, c.Retry = nodes, .72, .4, 2, .8
		s.adamsRows(c, nodes, spread, unit)
		if err := s.adams(engine.AdamsOrder, nil); err != nil {
			return err
		}
		var w flow.AdamsWeights
		predicted := func() error {
			z := s.read(s.z)
			for i := range s.n {
				r := s.row(i)
				k, length := int(r[engine.TrackOrder]), r[engine.TrackNext]-r[engine.TrackU]
				got := append([]float64(nil), z[i*nodes:][:nodes]...)
				for j, y := range s.hist[i*engine.AdamsHistory*nodes:][:nodes] {
					got[j] -= y
				}
				if r[engine.TrackSteps] == 0 { // from 0
					err := s.weighed(fmt.Sprintf("predictor of order %d, %v known", k, r[engine.TrackKnown]), got, &w, s.nodes(r, k, r[engine.TrackU], length), k-1, length, r[engine.TrackSlots:])
					if err != nil {
						return err
					}
				}
			}
			return s.err
		}
		if err := s.pull(); err != nil {
			return err
		}
		if err := predicted(); err != nil {
			return err
		}
		before := s.track
		f := make([]float64, s.n*nodes)
		for i := range s.n {
			r := s.row(i)
			f[i*nodes+int(r[engine.TrackSlots+int(r[engine.TrackKnown])])-1] = 1
		}
		if err := s.adams(engine.AdamsOrder, f); err != nil {
			return err
		}
		if err := s.pull(); err != nil {
			return err
		}
		for i := range s.n {
			b, r, hist := before[i*engine.TrackCount:][:engine.TrackCount], s.row(i), s.hist[i*engine.AdamsHistory*nodes:]
			if err := s.joined(b, r, hist, &w, c.Atol > 1); err != nil {
				return fmt.Errorf("order %v, %v known: %w", b[engine.TrackOrder], b[engine.TrackKnown], err)
			}
		}
		if err := predicted(); err != nil {
			return err
		}
	}
	return s.err
}

// joined checks a row after a step of unit vectors from 0.
func (s *stepping) joined(b, r, hist []float64, w *flow.AdamsWeights, accepted bool) error {
	const nodes = engine.AdamsOrder + 1
	known, k := int(b[engine.TrackKnown]), int(b[engine.TrackOrder])
	u, next := b[engine.TrackU], b[engine.TrackNext]
	length, fresh := next-u, b[engine.TrackSlots+known]
	for m := range known + 1 { // what slopes there were, and the new one in its place
		slot := int(b[engine.TrackSlots+m])
		want := make([]float64, nodes)
		want[slot-1] = 1
		if err := same(fmt.Sprintf("slot %d", slot), hist[slot*nodes:][:nodes], want); err != nil {
			return err
		}
	}
	if !accepted {
		if err := same("the state of a rejected step", hist[:nodes], make([]float64, nodes)); err != nil {
			return err
		}
		if r[engine.TrackU] != u || r[engine.TrackKnown] != b[engine.TrackKnown] || r[engine.TrackRejected] != 1 || r[engine.TrackRetries] != b[engine.TrackRetries]+1 {
			return fmt.Errorf("track %v after a rejection of %v", r, b)
		}
		if err := same("times", r[engine.TrackTimes:][:known], b[engine.TrackTimes:][:known]); err != nil {
			return err
		}
		return same("slots", r[engine.TrackSlots:][:known+1], b[engine.TrackSlots:][:known+1])
	}
	count := min(known, k+1) // behind the new slope
	slots := append([]float64{fresh}, b[engine.TrackSlots:][:count]...)
	if err := s.weighed("corrector", hist[:nodes], w, s.nodes(b, count, u, length, 1), k, length, slots); err != nil {
		return err
	}
	left := min(known, engine.AdamsOrder-1)
	if r[engine.TrackU] != next || r[engine.TrackKnown] != float64(left+1) || r[engine.TrackSteps] != 1 || r[engine.TrackRetries] != 0 || r[engine.TrackNFE] != 1 {
		return fmt.Errorf("track %v after a step of %v", r, b)
	}
	times := append([]float64{next}, b[engine.TrackTimes:][:left]...)
	if err := same("times", r[engine.TrackTimes:][:len(times)], times); err != nil {
		return err
	}
	used := append([]float64{fresh}, b[engine.TrackSlots:][:left]...)
	if err := same("slots", r[engine.TrackSlots:][:len(used)], used); err != nil {
		return err
	}
	for _, slot := range used {
		if r[engine.TrackSlots+len(used)] == slot {
			return fmt.Errorf("the next slope has slot %v, where one lies", slot)
		}
	}
	return nil
}

// adamsChoice compares the order and the length after a step with StepControl.Choose, for errors of all sizes.
func (s *stepping) adamsChoice() error {
	const nodes = engine.AdamsOrder + 1
	for _, most := range []int{6, engine.AdamsOrder} {
		for _, atol := range []float64{1e-30, 1e-12, 1e-6, 1e-4, 1e-3, 1, 1e12} {
			c := engine.StepControl{End: 1, Atol: atol, Group: nodes, Safety: .72, Shrink: .4, Grow: 2, Retry: .8}
			s.adamsRows(c, nodes, 1, unit)
			if err := s.adams(most, nil); err != nil {
				return err
			}
			if err := s.pull(); err != nil {
				return err
			}
			before := s.track
			f := make([]float64, s.n*nodes)
			for i := range s.n {
				r := s.row(i)
				f[i*nodes+int(r[engine.TrackSlots+int(r[engine.TrackKnown])])-1] = 1
			}
			if err := s.adams(most, f); err != nil {
				return err
			}
			if err := s.pull(); err != nil {
				return err
			}
			var w flow.AdamsWeights
			for i := range s.n {
				b, r := before[i*engine.TrackCount:][:engine.TrackCount], s.row(i)
				known, k := int(b[engine.TrackKnown]), int(b[engine.TrackOrder])
				length := b[engine.TrackNext] - b[engine.TrackU]
				w.Find(s.nodes(b, min(known, k+1), b[engine.TrackU], length, 1), k)
				var e [3]float64
				for o := range e {
					var sum float64
					for _, v := range w.Term[o] {
						sum += length * v * length * v
					}
					e[o] = math.Sqrt(sum/nodes) / atol
				}
				if known == 1 {
					c.Shrink = .01
				} else {
					c.Shrink = .4
				}
				order, factor := c.Choose(k, e[:], k < most && known > k, e[1] <= 1, b[engine.TrackRetries] > 0)
				h := math.Abs(length) * factor
				what := fmt.Sprintf("order %d of at most %d, %d known, errors %.4g: ", k, most, known, e)
				if r[engine.TrackOrder] != float64(order) {
					return fmt.Errorf("%sthe next order is %v, want %d", what, r[engine.TrackOrder], order)
				}
				// The errors are differences of slopes as they come, whose weights cancel no digits.
				if err := s.within(what+"next length", r[engine.TrackH], h, h, 12*engine.AdamsOrder); err != nil {
					return err
				}
			}
		}
	}
	return s.err
}
