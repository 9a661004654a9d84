package ot

import (
	"errors"
	"fmt"
	"slices"

	"monge/engine"
)

// CertifyState is a run of [Certify] after some of its steps and, where Under is set, some sweeps of the next: all that what
// follows depends on.
type CertifyState struct {
	Steps []CertifyStep // that are done
	Under *ImproveState // nil = none is under way

	F, G, Off, Low          []float64
	Sigma, Owner, Pred, Arg []int32
	At                      uint8
	Paired, Lower, Upper    float64
	Best                    []int32
	BestF, BestG, BestOff   []float64
	Slack                   float64
	Current, Settled, Lined bool
	Sweeps                  int
	Pairs                   float64
	Note                    string
}

// CertifyStep is what a step that is done left for the choice of the next.
type CertifyStep struct {
	Settled, Lined, Given bool
	Slack                 float64
	Asked, Free           int64 // bytes of memory that it lacked; 0 = none
}

// ImproveState is what sweeps towards settled potentials remember.
type ImproveState struct {
	Began   float64 // pairs evaluated before
	Swept   int     // sweeps before
	History []ImproveMark
}

// ImproveMark is the bracket's width after so many times all pairs.
type ImproveMark struct{ Pairs, Width float64 }

// do makes a step, in which under is nil or where it is taken up. A step that the state behind a run has done is left out:
// it leaves what the choice of the next depends on, and the last of them all else.
func (c *certifier) do(step func(under *ImproveState) error) error {
	before := c.settings.Resume
	var under *ImproveState
	if k := len(c.steps); before != nil && k < len(before.Steps) {
		s := before.Steps[k]
		c.steps = append(c.steps, s)
		c.settled, c.lined, c.slack, c.replayed = s.Settled, s.Lined, s.Slack, &s
		if k == len(before.Steps)-1 && before.Under == nil {
			c.restore(before)
		}
		if s.Asked > 0 {
			return &engine.MemoryError{What: "exact transport", Asked: s.Asked, Free: s.Free}
		}
		return nil
	} else if before != nil && k == len(before.Steps) && before.Under != nil {
		c.restore(before)
		under = before.Under
	}
	err := step(under)
	var memory *engine.MemoryError
	if err != nil && !errors.As(err, &memory) {
		return err
	}
	s := CertifyStep{Settled: c.settled, Lined: c.lined, Given: c.given(), Slack: c.slack}
	if memory != nil {
		s.Asked, s.Free = memory.Asked, memory.Free
	}
	c.steps = append(c.steps, s)
	if err == nil { // what lacked memory may have it when it is tried again
		c.keep(nil)
	}
	return err
}

// keep offers the run's state to the settings' Keep.
func (c *certifier) keep(under *ImproveState) {
	if c.settings.Keep == nil {
		return
	}
	c.settings.Keep(func() *CertifyState {
		s := &CertifyState{
			Steps: slices.Clone(c.steps),
			F:     slices.Clone(c.f), G: slices.Clone(c.g), Off: slices.Clone(c.off), Low: slices.Clone(c.low),
			Sigma: slices.Clone(c.sigma), Owner: slices.Clone(c.owner), Pred: slices.Clone(c.pred), Arg: slices.Clone(c.arg),
			At: uint8(c.at), Paired: c.paired, Lower: c.lower, Upper: c.upper,
			Best: slices.Clone(c.best), BestF: slices.Clone(c.bestF), BestG: slices.Clone(c.bestG), BestOff: slices.Clone(c.bestOff),
			Slack: c.slack, Current: c.current, Settled: c.settled, Lined: c.lined, Sweeps: c.sweeps, Pairs: c.minPlus.pairs, Note: c.note,
		}
		if under != nil {
			s.Under = &ImproveState{under.Began, under.Swept, slices.Clone(under.History)}
		}
		return s
	})
}

// restore sets the state of a run of the same clouds and settings.
func (c *certifier) restore(s *CertifyState) {
	for _, v := range []struct{ to, from []float64 }{
		{c.f, s.F}, {c.g, s.G}, {c.off, s.Off}, {c.low, s.Low}, {c.bestF, s.BestF}, {c.bestG, s.BestG}, {c.bestOff, s.BestOff},
	} {
		copy(v.to, v.from)
	}
	for _, v := range []struct{ to, from []int32 }{{c.sigma, s.Sigma}, {c.owner, s.Owner}, {c.pred, s.Pred}, {c.arg, s.Arg}, {c.best, s.Best}} {
		copy(v.to, v.from)
	}
	c.at, c.paired, c.lower, c.upper = precision(s.At), s.Paired, s.Lower, s.Upper
	c.slack, c.current, c.settled, c.lined = s.Slack, s.Current, s.Settled, s.Lined
	c.sweeps, c.minPlus.pairs, c.note, c.replayed = s.Sweeps, s.Pairs, s.Note, nil
}

// checkState refuses the state of another problem.
func (c *certifier) checkState(s *CertifyState) error {
	for _, k := range []int{
		len(s.F), len(s.G), len(s.Off), len(s.Low), len(s.BestF), len(s.BestG), len(s.BestOff), len(s.Sigma), len(s.Owner), len(s.Pred), len(s.Arg), len(s.Best),
	} {
		if k != c.n {
			return fmt.Errorf("ot: certify: a state of %d rows, for %d: %w", k, c.n, engine.ErrShape)
		}
	}
	for _, v := range [][]int32{s.Sigma, s.Owner, s.Arg, s.Best, s.Pred} {
		for _, j := range v {
			if j < -1 || int(j) >= c.n {
				return fmt.Errorf("ot: certify: a state that pairs with row %d of %d: %w", j, c.n, engine.ErrShape)
			}
		}
	}
	return nil
}
