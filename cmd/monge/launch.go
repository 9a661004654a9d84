package main

import (
	"context"
	"sync"

	"monge/engine"
	"monge/engine/ot"
)

// service is what a worker lends to the runs that it does. The zero value lends nothing.
type service struct {
	engines *engines // stay open from run to run
	place   *place   // among the runs of one launch
	// checkpoint is the directory in which the run may keep what it has done; "" = none.
	checkpoint string
}

// engines are the engines that a worker has opened: on a device, opening one takes longer than many a run.
type engines struct {
	mu   sync.Mutex
	open map[engineKey]engine.Engine
}

type engineKey struct {
	name    string
	threads int
}

// get returns the engine that the run's flags name.
func (s *engines) get(a *app) (engine.Engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := engineKey{a.engineName, a.threads}
	if e := s.open[key]; e != nil {
		return e, nil
	}
	e, err := a.openNew()
	if err == nil {
		if s.open == nil {
			s.open = map[engineKey]engine.Engine{}
		}
		s.open[key] = e
	}
	return e, err
}

// drop closes all engines: after a failure nothing of theirs is trusted.
func (s *engines) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.open {
		_ = e.Close() // the failure has been told
	}
	s.open = nil
}

// meeting is where the runs of one launch wait for each other at the operation that they share. The last to come does it
// for all.
type meeting struct {
	mu      sync.Mutex
	coming  int // runs that are here or may come
	waiting []*place
}

// place is a run's in a meeting.
type place struct {
	m       *meeting
	came    bool
	ctx     context.Context
	e       engine.Engine
	clouds  ot.Clouds
	set     *ot.SinkhornSettings
	result  *ot.Result
	err     error
	settled chan struct{}
}

// newMeeting returns the places of so many runs.
func newMeeting(runs int) []*place {
	m := &meeting{coming: runs}
	places := make([]*place, runs)
	for i := range places {
		places[i] = &place{m: m, settled: make(chan struct{})}
	}
	return places
}

// leave says that the run has ended; the others wait no more if it never came.
func (p *place) leave() {
	if !p.came {
		p.m.turn(func() { p.m.coming-- })
	}
}

// turn changes the meeting, and holds it where all are here.
func (m *meeting) turn(change func()) {
	m.mu.Lock()
	change()
	var all []*place
	if len(m.waiting) == m.coming {
		all, m.waiting, m.coming = m.waiting, nil, 0
	}
	m.mu.Unlock()
	if len(all) > 0 {
		solve(all)
	}
}

// sinkhorn solves a run's problem, with those of the other runs of its launch where it has any.
func (s service) sinkhorn(ctx context.Context, e engine.Engine, clouds ot.Clouds, set *ot.SinkhornSettings) (*ot.Result, error) {
	p := s.place
	if p == nil {
		return ot.Sinkhorn(ctx, e, clouds, set)
	}
	p.ctx, p.e, p.clouds, p.set = ctx, e, clouds, set
	p.came = true
	p.m.turn(func() { p.m.waiting = append(p.m.waiting, p) })
	<-p.settled
	return p.result, p.err
}

// solve solves the problems of all as a batch, or one by one where that fails, so that each has its own error. A problem's
// seconds are its part of the batch's.
func solve(all []*place) {
	first := all[0]
	problems := make([]ot.Clouds, len(all))
	set := *first.set
	for i, p := range all {
		problems[i] = p.clouds
		if p.set.Eps > 0 {
			set.EachEps = append(set.EachEps, p.set.Eps)
		} else {
			set.EachEpsRel = append(set.EachEpsRel, p.set.EpsRel)
		}
	}
	results, err := ot.SinkhornBatch(first.ctx, first.e, problems, &set)
	for i, p := range all {
		if err == nil {
			p.result = results[i]
			p.result.Seconds /= float64(len(all))
		} else {
			p.result, p.err = ot.Sinkhorn(p.ctx, p.e, p.clouds, p.set)
		}
		close(p.settled)
	}
}
