package ot

import (
	"fmt"
	"slices"

	"monge/engine"
)

// SinkhornState is a run of [Sinkhorn] after some iterations, none of them a step of Newton's method under way: all that
// the following ones depend on.
type SinkhornState struct {
	Stage, Done int       // of the types of the iterations; iterations made
	F, G        []float64 // potentials, shifted
	Size        float64   // error last measured
	RoughOn     bool
	RoughGoal   float64
	Mixing      *MixingState // nil = the plain iteration
	Mixed       int          // accelerated iterations
	Retry       float64      // residual at which Newton's method is tried next
	Trace       []Residual
}

// MixingState is what the acceleration remembers.
type MixingState struct {
	G, R         []float64
	DG, DR       [][]float64
	Best         float64
	BestG, BestR []float64
}

// state copies the run's state.
func (k *sinkhorn) state(r *Result, size float64) *SinkhornState {
	s := &SinkhornState{
		Stage: k.stage, Done: k.done, F: slices.Clone(k.f), G: slices.Clone(k.g), Size: size,
		RoughOn: k.rough.on, RoughGoal: k.rough.goal, Mixed: k.mixed, Retry: k.retry, Trace: slices.Clone(r.Trace),
	}
	if a := k.mixing; a != nil {
		s.Mixing = &MixingState{
			G: slices.Clone(a.g), R: slices.Clone(a.r), DG: rows(a.dg), DR: rows(a.dr), Best: a.best,
			BestG: slices.Clone(a.bestG), BestR: slices.Clone(a.bestR),
		}
	}
	return s
}

func rows(v [][]float64) [][]float64 {
	var out [][]float64
	for _, row := range v {
		out = append(out, slices.Clone(row))
	}
	return out
}

// resume sets the state of a run of the same problem and settings.
func (k *sinkhorn) resume(s *SinkhornState, r *Result) error {
	if len(s.F) != k.n || len(s.G) != k.m || (s.Mixing != nil) != (k.mixing != nil) || s.Done < 0 || s.Stage < 0 {
		return fmt.Errorf("ot: sinkhorn: a state of %d and %d potentials after %d iterations, for %d and %d points: %w", len(s.F), len(s.G), s.Done, k.n, k.m, engine.ErrShape)
	}
	copy(k.f, s.F)
	copy(k.g, s.G)
	k.started, k.stage, k.done, k.resumed = true, s.Stage, s.Done, s
	k.mixed, k.retry = s.Mixed, s.Retry
	r.Trace = slices.Clone(s.Trace)
	if m := s.Mixing; m != nil {
		a := k.mixing
		a.g, a.r, a.dg, a.dr, a.best = slices.Clone(m.G), slices.Clone(m.R), rows(m.DG), rows(m.DR), m.Best
		a.bestG, a.bestR = slices.Clone(m.BestG), slices.Clone(m.BestR)
	}
	return nil
}
