package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/schedule"
)

// controlTable holds what engines that step by themselves compute of times, lengths and weights to the functions of
// packages engine, schedule and flow that hosts call, where these are hard: at both ends of time, with tiny and huge
// steps and uneven histories. Whole flows meet such inputs rarely. An engine that is no engine.Stepper has nothing
// to show.
func controlTable() []Case {
	var list []Case
	add := func(name string, run func(*stepping) error) {
		list = append(list, Case{Op: "Steps", Name: "control-" + name, run: func(d *device) error {
			s, ok := d.e.(engine.Stepper)
			if !ok {
				return nil
			}
			return run(&stepping{device: d, s: s, g: newUneven("control-"+name, engine.F64)})
		}})
	}
	for name, p := range curvedPaths() {
		add("path-"+name, func(s *stepping) error { return s.path(p) })
	}
	add("land", (*stepping).land)
	add("judge", (*stepping).judge)
	for _, m := range []string{"euler", "heun", "rk4", "dopri5"} {
		add("tableau-"+m, func(s *stepping) error { return s.tableau(m) })
	}
	add("adams-weights", (*stepping).adamsWeights)
	add("adams-choice", (*stepping).adamsChoice)
	add("adams-one-try", (*stepping).adamsTry)
	add("stage-one-try", (*stepping).stageTry)
	return list
}

// curvedPaths are the paths that engines know, some with parameters near the limits of theirs.
func curvedPaths() map[string]schedule.Curved {
	paths := map[string]schedule.Curved{
		"linear-0-1": schedule.Linear{Beta0: 0, Beta1: 1}, "linear-flat": schedule.Linear{Beta0: 5, Beta1: 5},
		"linear-steep": schedule.Linear{Beta0: 1e-3, Beta1: 500},
		"cosine-1e-6":  schedule.Cosine{Offset: 1e-6}, "cosine-3": schedule.Cosine{Offset: 3},
	}
	for _, name := range schedule.Names() {
		p, err := schedule.ByName(name)
		if err != nil {
			panic(err)
		}
		paths[name] = p.(schedule.Curved)
	}
	return paths
}

// stepping runs operations on rows whose tracks the case writes and reads.
type stepping struct {
	*device
	s            engine.Stepper
	g            uneven
	control      engine.StepControl
	rows         engine.Rows
	n, width     int
	z, f, coef   engine.Buffer
	track        []float64 // of all rows, as last written or read
	status, hist []float64
}

// begin makes n rows of width numbers with slots vectors each. Out and Counts are NaN until a row writes there, and row i's is
// the i-th from the end.
func (s *stepping) begin(n, slots, width int, c engine.StepControl) {
	s.n, s.width, s.control = n, width, c
	s.rows = engine.Rows{
		Track: s.allocType(engine.F64, 1, n, engine.TrackCount), Status: s.allocType(engine.I32, 1, n, 1),
		Hist: s.alloc(n, slots, width), Out: s.out(1, n, width), Counts: s.fill(engine.F64, 1, n, 2),
	}
	s.z, s.f, s.coef = s.out(1, n, width), s.alloc(1, n, width), s.out(1, n, engine.CoefCount)
	s.track, s.status, s.hist = make([]float64, n*engine.TrackCount), make([]float64, n), make([]float64, n*slots*width)
	for i := range n {
		t := s.row(i)
		t[engine.TrackRow], t[engine.TrackStop] = float64(n-1-i), math.NaN()
	}
}

// row is row i's track.
func (s *stepping) row(i int) []float64 { return s.track[i*engine.TrackCount:][:engine.TrackCount] }

func (s *stepping) push() {
	s.write(s.rows.Track, s.track)
	s.write(s.rows.Status, s.status)
	s.write(s.rows.Hist, s.hist)
}

func (s *stepping) pull() error {
	s.track, s.status, s.hist = s.read(s.rows.Track), s.read(s.rows.Status), s.read(s.rows.Hist)
	return s.err
}

// stage calls RungeKuttaStage with the slopes f, nil before the first.
func (s *stepping) stage(t *engine.Tableau, steps, stage int, f []float64) error {
	a := &engine.RungeKuttaStage{Rows: s.rows, Control: s.control, Tableau: t, Steps: steps, Stage: stage, Z: s.z, Coef: s.coef}
	if f != nil {
		s.write(s.f, f)
		a.F = s.f
	}
	if s.err != nil {
		return s.err
	}
	return s.s.RungeKuttaStage(a)
}

// within reports a number further from want's than so many roundings of float64 of unit, and one of the case's type.
func (s *stepping) within(what string, got, want, unit, roundings float64) error {
	tol := roundings*engine.F64.Eps()*unit + engine.F64.Eps()*tiny(engine.F64)
	if s.t == engine.F32 {
		tol += engine.F32.Eps()*math.Abs(want) + 0x1p-149
	}
	if got == want || math.Abs(got-want) <= tol {
		return nil
	}
	return fmt.Errorf("%s = %v, want %v within %.3g", what, got, want, tol)
}

// times are from both ends of a path inwards.
func (s *stepping) times(end float64) []float64 {
	u := []float64{0, 5e-324, 1e-300, 1e-30, end, end + 1e-9, 2 * end, math.Nextafter(end, 0), end / 2}
	for k := 1; k < 18; k++ {
		near := math.Pow(10, float64(-k)) * end
		u = append(u, near, end-near)
	}
	for range 60 {
		u = append(u, end*s.g.Float64())
	}
	return u
}

// path compares the coefficients of a path's times with those of Path.At.
func (s *stepping) path(p schedule.Curved) error {
	times := s.times(p.End())
	s.begin(len(times), 2, 1, engine.StepControl{Curve: p.Curve(), End: 3 * p.End(), Atol: 1, Group: 1, Safety: 1, Shrink: 1, Grow: 1, Retry: 1})
	for i, u := range times {
		s.row(i)[engine.TrackU] = u
	}
	s.push()
	euler := &engine.Tableau{A: [][]float64{nil}, B: []float64{1}, C: []float64{0}}
	if err := s.stage(euler, 3, -1, nil); err != nil {
		return err
	}
	got := s.read(s.coef)
	for i, u := range times {
		alpha, sigma, c1, c2 := p.At(u)
		roundings := 16.0
		if alpha > 0 && p.Name() == "linear" { // exp(-tau), tau itself rounded
			roundings -= 8 * math.Log(alpha)
		}
		for j, want := range []float64{alpha, sigma, c1, c2} {
			what := fmt.Sprintf("%s of %+v at %v", []string{"alpha", "sigma", "c1", "c2"}[j], p, u)
			if err := s.within(what, got[4*i+j], want, math.Abs(want), roundings); err != nil {
				return err
			}
		}
	}
	return s.err
}

// land compares the ends of steps, to the bit.
func (s *stepping) land() error {
	for _, c := range []engine.StepControl{
		{End: 1}, {Start: 1}, {Start: -3, End: 1e3, Grid: .7}, {End: math.Pi / 2, Grid: math.Pi / 2048},
		{Start: math.Pi / 2, Grid: math.Pi / 2048}, {Start: 1, Grid: 1e-9}, {End: 1, Grid: 10},
		{Start: 1, Reach: .121, Floor: 1e-9}, {Start: math.Pi / 2, Grid: math.Pi / 2048, Reach: .3, Floor: .1}, {End: 1, Reach: 1.5, Floor: 1e-4},
	} {
		c.Atol, c.Group = 1, 1
		span := c.End - c.Start
		s.begin(400, engine.AdamsHistory, 1, c)
		for i := range s.n {
			t := s.row(i)
			t[engine.TrackOrder], t[engine.TrackKnown] = 1, 1
			t[engine.TrackU] = c.Start + span*s.g.Float64()
			t[engine.TrackH] = math.Abs(span) * math.Pow(10, 8*s.g.Float64()-6)
			left := math.Abs(c.End - t[engine.TrackU])
			switch i % 8 {
			case 0:
				t[engine.TrackU] = c.Start
			case 1: // an end within reach, and a little beyond it
				t[engine.TrackH] = left * (1 - 1e-8*s.g.Float64())
			case 2:
				t[engine.TrackH] = left * (1 - 9e-10*s.g.Float64())
			case 3:
				t[engine.TrackH] = []float64{1e-300, 1e300, 1e-16}[i/8%3]
			case 6: // near the data
				t[engine.TrackU] = c.Start + span*[]float64{0, 1}[i/8%2] + math.Copysign(math.Pow(10, -12*s.g.Float64()), span)*[]float64{1, -1}[i/8%2]
			case 4: // on the grid
				if c.Grid > 0 {
					t[engine.TrackU] = math.Round(t[engine.TrackU]/c.Grid) * c.Grid
					t[engine.TrackH] = c.Grid * float64(1+i/8%5)
				}
			case 5: // near to the part of a step for which it ends on the grid
				if h := c.Grid * (.5 + 1.9*s.g.Float64()); h > 0 {
					on := math.Round(t[engine.TrackU]/c.Grid) * c.Grid
					t[engine.TrackU] = on - math.Copysign(.6*h*(1+.02*(s.g.Float64()-.5)), span)
					t[engine.TrackH] = h
				}
			}
			t[engine.TrackTimes] = t[engine.TrackU]
			for m := range engine.AdamsOrder + 1 {
				t[engine.TrackSlots+m] = float64(1 + m)
			}
		}
		s.push()
		if err := s.adams(12, nil); err != nil {
			return err
		}
		before := s.track
		if err := s.pull(); err != nil {
			return err
		}
		for i := range s.n {
			t := before[i*engine.TrackCount:]
			u, h := t[engine.TrackU], t[engine.TrackH]
			if got, want := s.row(i)[engine.TrackNext], c.Land(u, h); got != want {
				return fmt.Errorf("a step of length %v from %v ends at %v, want %v: %+v", h, u, got, want, c)
			}
		}
	}
	return s.err
}

// judge compares what a step's error makes of the row: of a method whose one slope is its error.
func (s *stepping) judge() error {
	errs := []float64{0, 5e-324, 1e-300, 1e-38, 1e-9, .5, math.Nextafter(1, 0), 1, math.Nextafter(1, 2), 2, 1e4, 1e30, 1e300, math.Inf(1), math.NaN()}
	for _, low := range []int{1, 4} {
		t := &engine.Tableau{A: [][]float64{nil, {1}}, B: []float64{1, 0}, C: []float64{0, 1}, Errors: []float64{1, 0}, Low: low, FSAL: true}
		c := engine.StepControl{End: 1, Atol: 1, Group: 1, Least: 0x1p-30, Safety: .9, Shrink: .2, Grow: 5, Retry: .8}
		lengths := []float64{0x1p-2, 0x1p-29, 0x1p-40, 2}
		s.begin(2*len(errs)*len(lengths), 3, 1, c)
		slopes := make([]float64, s.n)
		for i := range s.n {
			h := lengths[i%len(lengths)]
			s.row(i)[engine.TrackH], s.row(i)[engine.TrackNFE] = h, 7
			s.row(i)[engine.TrackRetries] = float64(i / len(lengths) % 2 * 3)
			slopes[i] = uneven{t: s.t}.round(errs[i/(2*len(lengths))] / min(h, 1))
		}
		s.push()
		for stage := -1; stage < 2; stage++ {
			f := slopes
			if stage < 0 {
				f = nil
			}
			if err := s.stage(t, 0, stage, f); err != nil {
				return err
			}
		}
		if err := s.pull(); err != nil {
			return err
		}
		out, counts := s.read(s.rows.Out), s.read(s.rows.Counts)
		for i := range s.n {
			length, retried := min(lengths[i%len(lengths)], 1), i/len(lengths)%2 == 1
			e := math.Abs(length * slopes[i])
			accepted := e <= 1
			h := length * c.Limit(c.Factor(e, low), accepted, retried)
			r, at := s.row(i), s.n-1-i
			what := fmt.Sprintf("order %d, error %v of a step of %v, retried %v: ", low, e, length, retried)
			if err := s.within(what+"next length", r[engine.TrackH], h, h, 16); err != nil {
				return err
			}
			want := map[int]float64{engine.TrackU: 0, engine.TrackKnown: 0, engine.TrackSteps: 0, engine.TrackRejected: 1, engine.TrackNFE: 9}
			status := float64(engine.RowRuns)
			switch {
			case accepted:
				want[engine.TrackU], want[engine.TrackKnown], want[engine.TrackSteps], want[engine.TrackRejected], want[engine.TrackRetries] = length, 1, 1, 0, 0
				if length == 1 {
					status = engine.RowEnded
				}
			case r[engine.TrackH] < c.Least:
				status = engine.RowBroken
			}
			for k, v := range want {
				if r[k] != v {
					return fmt.Errorf("%scolumn %d of the track is %v, want %v", what, k, r[k], v)
				}
			}
			if s.status[i] != status {
				return fmt.Errorf("%sstatus %v, want %v", what, s.status[i], status)
			}
			if ended := status == engine.RowEnded; ended != (counts[2*at] == 9) || ended != (out[at] == slopes[i]) {
				return fmt.Errorf("%sthe row's end is %v with %v evaluations, its status %v", what, out[at], counts[2*at], status)
			}
			if next := c.Land(r[engine.TrackU], r[engine.TrackH]); status == engine.RowRuns && r[engine.TrackNext] != next {
				return fmt.Errorf("%sthe next step ends at %v, want %v", what, r[engine.TrackNext], next)
			}
		}
	}
	return s.err
}
