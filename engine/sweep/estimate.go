package sweep

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Work is what is known of a run before it is done.
type Work struct {
	Shape      string  // of its arrays, for people; "" = not known
	Launch     string  // runs of equal Launch can be done in one launch; "" = by itself
	Operations float64 // floating-point operations, by a model; 0 = not known
	Bytes      float64 // of its arrays; 0 = not known
}

// Basis is what an estimate is made from, the best one first.
type Basis string

const (
	Itself  Basis = "done"   // the run's own result
	Alike   Basis = "alike"  // the mean of finished runs of equal shape and operations
	Scaled  Basis = "scaled" // the median time an operation of finished runs, times the run's operations
	Model   Basis = "model"  // the run's operations at ModelRate
	Unknown Basis = "unknown"
)

// ModelRate is the rate in operations a second at which runs are estimated where none is finished: that of a core.
const ModelRate = 2e9

// Estimate is what a run may take.
type Estimate struct {
	Seconds float64 // NaN = not known
	Bytes   float64 // peak memory; NaN = not known
	Basis   Basis
}

// Finished is a run that is done, as a measure for others.
type Finished struct {
	ID             string
	Work           Work
	Seconds, Bytes float64
}

// Finished returns the runs of the directory that are done, by whatever version of the code.
func (s *Store) Finished(work func(Run) Work) []Finished {
	var out []Finished
	for _, r := range s.Plan.Runs {
		if state, rec := s.Look(r, ""); state == Done || state == NotConverged {
			out = append(out, Finished{r.ID, work(r), rec.Seconds, float64(rec.PeakBytes)})
		}
	}
	return out
}

// EstimateRuns estimates the time and the memory of runs from those that are finished; where none of them helps, the time
// from the operations at ModelRate and the memory from the arrays.
func EstimateRuns(runs []Run, work func(Run) Work, finished []Finished) []Estimate {
	itself := map[string]Finished{}
	type sum struct{ seconds, count, bytes float64 }
	type key struct {
		shape      string
		operations float64
	}
	alike := map[key]sum{}
	var rates []float64 // seconds an operation
	for _, f := range finished {
		itself[f.ID] = f
		if w := (key{f.Work.Shape, f.Work.Operations}); w.shape != "" {
			a := alike[w]
			alike[w] = sum{a.seconds + f.Seconds, a.count + 1, math.Max(a.bytes, f.Bytes)}
		}
		if f.Work.Operations > 0 {
			rates = append(rates, f.Seconds/f.Work.Operations)
		}
	}
	slices.Sort(rates)
	out := make([]Estimate, len(runs))
	for i, r := range runs {
		w := work(r)
		e := Estimate{math.NaN(), math.NaN(), Unknown}
		if w.Bytes > 0 {
			e.Bytes = w.Bytes
		}
		a, known := alike[key{w.Shape, w.Operations}]
		f, done := itself[r.ID]
		switch {
		case done:
			e = Estimate{f.Seconds, f.Bytes, Itself}
		case known:
			e = Estimate{a.seconds / a.count, a.bytes, Alike}
		case w.Operations > 0 && len(rates) > 0:
			e.Seconds, e.Basis = stat.Quantile(.5, stat.Empirical, rates, nil)*w.Operations, Scaled
		case w.Operations > 0:
			e.Seconds, e.Basis = w.Operations/ModelRate, Model
		}
		out[i] = e
	}
	return out
}

// Group is a set of runs of equal shape.
type Group struct {
	Shape    string
	Launches [][]int // places in the plan of the runs that are done in one launch; those by themselves are launches of one
}

// Groups returns the runs by their shapes and launches, in the order of the plan.
func Groups(runs []Run, work func(Run) Work) []Group {
	var groups []Group
	at := map[string]int{}
	launch := map[string]int{} // place among the launches of its group
	for _, r := range runs {
		w := work(r)
		g, ok := at[w.Shape]
		if !ok {
			g = len(groups)
			at[w.Shape] = g
			groups = append(groups, Group{Shape: w.Shape})
		}
		if k, ok := launch[w.Launch]; ok && w.Launch != "" && len(groups[g].Launches[k]) < MaxLaunch {
			groups[g].Launches[k] = append(groups[g].Launches[k], r.Index)
			continue
		}
		launch[w.Launch] = len(groups[g].Launches)
		groups[g].Launches = append(groups[g].Launches, []int{r.Index})
	}
	return groups
}

// Tally counts the estimates of each basis.
func Tally(estimates []Estimate) map[Basis]int {
	n := map[Basis]int{}
	for _, e := range estimates {
		n[e.Basis]++
	}
	return n
}

// Left estimates the seconds until a sweep is done, with so many runs at a time. ok is false where runs are left of which
// nothing is known.
func (s *Store) Left(version string, work func(Run) Work, tasks int) (seconds float64, ok bool) {
	var left []Run
	for _, r := range s.Plan.Runs {
		if state, _ := s.Look(r, version); state == Missing || state == Stale {
			left = append(left, r)
		}
	}
	if len(left) == 0 {
		return 0, true
	}
	for _, e := range EstimateRuns(left, work, s.Finished(work)) {
		seconds += e.Seconds
	}
	return seconds / float64(tasks), tasks > 0 && !math.IsNaN(seconds)
}
