package sweep

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckpoint(t *testing.T) {
	type state struct {
		X []float64
		N int
	}
	c := &Checkpoint{Dir: filepath.Join(t.TempDir(), "run", "checkpoint"), Version: "v1"}
	var got state
	if c.Load("a", &got) {
		t.Error("something was kept before anything was")
	}
	if err := c.Save("a", state{[]float64{1. / 3, math.NaN(), math.Inf(1)}, 7}); err != nil {
		t.Fatal(err)
	}
	if !c.Load("a", &got) || got.N != 7 || got.X[0] != 1./3 || !math.IsNaN(got.X[1]) || !math.IsInf(got.X[2], 1) {
		t.Errorf("read %+v", got)
	}
	if other := (&Checkpoint{Dir: c.Dir, Version: "v2"}); other.Load("a", &got) {
		t.Error("another version's checkpoint is taken up")
	}
	path := filepath.Join(c.Dir, "a")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{"cut short": text[:len(text)-3], "empty": nil, "changed": append(append([]byte(nil), text[:len(text)-3]...), 1, 2, 3)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.Load("a", &got) {
			t.Errorf("a file that is %s is taken up", name)
		}
	}
	var none *Checkpoint
	if err := none.Save("a", got); err != nil || none.Load("a", &got) {
		t.Error("no checkpoint keeps something")
	}
}
