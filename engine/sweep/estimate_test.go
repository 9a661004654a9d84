package sweep

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// byPoints is a run's work by its flag n; seeds go into one launch.
func byPoints(r Run) Work {
	n := r.Axes["n"].Text
	return Work{Shape: "n = " + n, Launch: n, Operations: 4e8 * float64(len(n)), Bytes: 100}
}

func TestEstimateRuns(t *testing.T) {
	p := plan(t, "command = \"compare\"\n[grid]\nn = [1, 2, 10]\nseed = [1, 2]\n")
	work := func(r Run) Work {
		if w := byPoints(r); r.Axes["n"].Text != "2" {
			return w
		}
		return Work{}
	}
	for _, c := range []struct {
		name     string
		finished []Finished
		want     string
		seconds  [6]float64
	}{
		{"nothing", nil, "model model unknown unknown model model", [6]float64{.2, .2, math.NaN(), math.NaN(), .4, .4}},
		// Half a second for 4e8 operations: a second for twice as many. The other run of its shape takes as long as it.
		{"one", []Finished{{p.Runs[0].ID, work(p.Runs[0]), .5, 7}}, "done alike unknown unknown scaled scaled", [6]float64{.5, .5, math.NaN(), math.NaN(), 1, 1}},
		// The mean of a shape from another sweep; the median of its rates, .5, 1 and 3 s for 8e8 an operation.
		{"another's", []Finished{{"x", work(p.Runs[4]), .5, 7}, {"y", work(p.Runs[4]), 1, 9}, {"z", work(p.Runs[4]), 3, 8}},
			"scaled scaled unknown unknown alike alike", [6]float64{.5, .5, math.NaN(), math.NaN(), 1.5, 1.5}},
	} {
		var got []string
		for i, e := range EstimateRuns(p.Runs, work, c.finished) {
			got = append(got, string(e.Basis))
			if math.Abs(e.Seconds-c.seconds[i]) > 1e-12 || math.IsNaN(e.Seconds) != math.IsNaN(c.seconds[i]) {
				t.Errorf("%s: run %d: %v s, want %v", c.name, i, e.Seconds, c.seconds[i])
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
	if e := EstimateRuns(p.Runs, work, []Finished{{"y", work(p.Runs[4]), 1, 9}, {"z", work(p.Runs[4]), 3, 8}}); e[5].Bytes != 9 || e[0].Bytes != 100 || !math.IsNaN(e[2].Bytes) {
		t.Errorf("bytes %v, %v, %v: want the largest peak of the shape, the arrays', nothing", e[5].Bytes, e[0].Bytes, e[2].Bytes)
	}
}

// together notes how many runs come at a time, and is lost where there are several and one is the seed 3.
type together struct {
	worker
	mu    *sync.Mutex
	sizes *[]int
}

func (w together) Run(ctx context.Context, lines []Request) ([]Outcome, error) {
	w.mu.Lock()
	*w.sizes = append(*w.sizes, len(lines))
	w.mu.Unlock()
	return w.worker.Run(ctx, lines)
}

// TestLaunches: runs of one launch come together, every worker has some, and where a launch is lost its runs are done one
// by one, so that the one to blame fails alone.
func TestLaunches(t *testing.T) {
	p := plan(t, "command = \"compare\"\n[grid]\nseed = {from = 1, to = 5, step = 1}\nn = [1, 2]\n")
	groups := Groups(p.Runs, byPoints)
	if len(groups) != 2 || len(groups[0].Launches) != 1 || len(groups[0].Launches[0]) != 5 || groups[1].Shape != "n = 2" {
		t.Errorf("groups %+v", groups)
	}
	var runs atomic.Int64
	var mu sync.Mutex
	var sizes []int
	s := create(t, filepath.Join(t.TempDir(), "s"), p)
	w := together{worker{die: "3", runs: &runs}, &mu, &sizes}
	sum, err := s.Execute(t.Context(), RunSettings{Work: byPoints, Open: func(int) (Worker, error) { return w, nil }})
	if err != nil || sum.Ran != 10 || sum.Failed != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if len(sizes) != 12 || sizes[0] != 5 || sizes[1] != 1 { // five, lost, one by one, and so again
		t.Errorf("launches of %v runs", sizes)
	}
	for _, r := range p.Runs {
		if state, _ := s.Look(r, ""); (state == Failed) != (r.Axes["seed"].Text == "3") {
			t.Errorf("seed %s: %s", r.Axes["seed"].Text, state)
		}
	}
	sizes = nil
	w.die = ""
	if _, err := s.Execute(t.Context(), RunSettings{Force: true, Workers: 4, Work: byPoints, Open: func(int) (Worker, error) { return w, nil }}); err != nil || len(sizes) != 4 {
		t.Errorf("four workers: launches of %v runs, %v", sizes, err)
	}
	if left, ok := s.Left("", byPoints, 2); !ok || left != 0 {
		t.Errorf("%v s are left, %v", left, ok)
	}
}
