package sweep

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// TestReuse: a run that another sweep has done is not done again; one that failed there, or is of another version of the
// code, is.
func TestReuse(t *testing.T) {
	dir := t.TempDir()
	one, two := create(t, filepath.Join(dir, "one"), tenSeeds(t)), create(t, filepath.Join(dir, "two"), plan(t, "command = \"compare\"\n[grid]\nseed = {from = 3, to = 8, step = 1}\nn = [2]\n"))
	var runs atomic.Int64
	open := func(int) (Worker, error) { return worker{fail: "4", runs: &runs}, nil }
	if _, err := one.Execute(t.Context(), RunSettings{Open: open, Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	if taken, err := two.Reuse([]string{one.Dir}, "v2"); taken != 0 || err != nil {
		t.Errorf("of another version: %d, %v", taken, err)
	}
	taken, err := two.Reuse([]string{one.Dir, one.Dir}, "v1")
	if taken != 2 || err != nil { // seeds 3 and 5; 4 failed
		t.Errorf("%d taken, %v", taken, err)
	}
	runs.Store(0)
	sum, err := two.Execute(t.Context(), RunSettings{Open: open, Version: "v1"})
	if err != nil || sum.Kept != 2 || sum.Ran != 4 || runs.Load() != 4 {
		t.Errorf("%+v, %v, %d runs", sum, err, runs.Load())
	}
	a, b := one.read(one.Plan.Runs[7], resultName), two.read(two.Plan.Runs[0], resultName)
	if a == nil || b == nil || a.ID != b.ID || string(a.Result) != string(b.Result) || a.Started != b.Started {
		t.Errorf("another record: %+v, %+v", a, b)
	}
	if _, err := two.Reuse([]string{dir}, "v1"); !errors.Is(err, ErrDirectory) {
		t.Errorf("no sweep: %v", err)
	}
}
