package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"monge/engine/rng"
)

// Difference is a number of a result that a run on the reference engine does not give.
type Difference struct {
	Run       Run
	Name      string
	Was, Is   string
	Tolerance float64
}

// Verification is the outcome of Verify.
type Verification struct {
	Runs        []Run // that were run again
	Numbers     int   // compared
	Differences []Difference
}

// unlike are parts of results that differ between engines and machines.
func unlike(name string) bool {
	return name == "seconds" || strings.HasSuffix(name, ".seconds") || strings.HasPrefix(name, "engine.") || strings.HasPrefix(name, "flow.")
}

// Verify runs k runs that are done again, drawn with the seed, on the CPU in float64, and compares every number of their
// results: to 1e-6 of its size where the run was float64, since engines add up in different orders and flows follow their
// own steps, and to 1e-2 where it was float32. k beyond what is done takes all.
func (s *Store) Verify(ctx context.Context, w Worker, k int, seed uint64) (*Verification, error) {
	var done []Run
	records := map[string]*Record{}
	for _, r := range s.Plan.Runs {
		if state, rec := s.Look(r, ""); state == Done || state == NotConverged {
			done = append(done, r)
			records[r.ID] = rec
		}
	}
	v := &Verification{}
	for _, i := range rng.NewSource(seed, streamVerify).Perm(len(done))[:min(k, len(done))] {
		v.Runs = append(v.Runs, done[i])
	}
	slices.SortFunc(v.Runs, func(a, b Run) int { return a.Index - b.Index })
	for _, r := range v.Runs {
		args := slices.DeleteFunc(slices.Clone(r.Args), func(a string) bool {
			return strings.HasPrefix(a, "--engine=") || strings.HasPrefix(a, "--dtype=")
		})
		outs, err := w.Run(ctx, []Request{{Args: append(args, "--engine=cpu", "--dtype=f64", "--json")}})
		if err != nil {
			return nil, fmt.Errorf("sweep: verify: %w", err)
		}
		out := outs[0]
		if out.Code != 0 && out.Code != codeNotConverged {
			return nil, fmt.Errorf("sweep: verify: %s: %s", strings.Join(r.Args, " "), lastLine(out.Stderr, fmt.Sprintf("exit code %d", out.Code)))
		}
		tolerance := 1e-6
		if slices.Contains(r.Args, "--dtype=f32") {
			tolerance = 1e-2
		}
		if err := v.compare(r, records[r.ID].Result, out.Stdout, tolerance); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// streamVerify is the stream of random numbers that choose runs.
const streamVerify = 0x7377_6565_7001

func (v *Verification) compare(r Run, was json.RawMessage, is []byte, tolerance float64) error {
	now := map[string]string{}
	if err := flatten(bytes.TrimSpace(is), "", func(name, value string) { now[name] = value }); err != nil {
		return fmt.Errorf("sweep: verify: %s: %w", strings.Join(r.Args, " "), err)
	}
	return flatten(was, "", func(name, value string) {
		if unlike(name) {
			return
		}
		v.Numbers++
		other := now[name]
		x, errX := strconv.ParseFloat(value, 64)
		y, errY := strconv.ParseFloat(other, 64)
		if errX == nil && errY == nil && math.Abs(x-y) <= tolerance*math.Max(math.Abs(x), math.Abs(y))+1e-12 || value == other {
			return
		}
		v.Differences = append(v.Differences, Difference{r, name, value, other, tolerance})
	})
}
