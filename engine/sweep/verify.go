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
	Tolerance float64 // of the difference
}

// Verification is the outcome of Verify.
type Verification struct {
	Runs        []Run // that were run again
	Numbers     int   // compared
	Differences []Difference
}

// likeness says how a number of a result is compared: within a share of its size; absolute, of 1, for numbers that are
// relative already or may be 0 by cancelling; free, not at all.
type likeness int

const (
	relative likeness = iota
	absolute
	free
)

// likenessOf returns how the named number is compared, and of results in float32.
func likenessOf(name string, single bool) likeness {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case last == "seconds", strings.HasPrefix(name, "engine."): // where and how fast
		return free
	case strings.HasPrefix(name, "flow."), last == "iterations", last == "passes": // rounding moves the steps on the way
		return free
	case last == "marginal_error", last == "j_sm_error", strings.HasPrefix(name, "loop.") && last == "error": // remainders, below what was asked
		return free
	case single && (strings.HasPrefix(name, "loop.") || last == "moved_fraction" || last == "certified_optimal" || name == "status"):
		// Which point is the steepest, which of nearly equal pairs is taken and what is below 1e-9: decided by rounding.
		return free
	case strings.HasPrefix(last, "relative_"), last == "slack_margin", last == "moved_fraction", strings.HasPrefix(last, "asym_"),
		last == "min_eigenvalue", strings.HasPrefix(last, "log_"), name == "loop.threshold", name == "loop.radius":
		return absolute
	}
	return relative
}

// verifyMargin is how many times its own tolerance a result may be off: what a flow or an iteration leaves grows on the way,
// in the encoder by the inverse width of the data.
const verifyMargin = 100

// toleranceOf returns how far the numbers of a run may be from those of the CPU in float64. Engines add up in other orders,
// and flows choose other steps, so that results agree to the tolerances that they were asked for: rtol and atol, 1e-8 where
// they are not given, and tol of Sinkhorn's iteration, 1e-6. Float32 has no less than 64 roundoffs, 4e-6, which is what its
// flows aim at. The margin comes on top.
func toleranceOf(args []string) (tolerance float64, single bool) {
	asked := 1e-8
	flag := func(name string) (float64, bool) {
		for _, a := range args {
			if text, ok := strings.CutPrefix(a, "--"+name+"="); ok {
				v, err := strconv.ParseFloat(text, 64)
				return v, err == nil
			}
		}
		return 0, false
	}
	for _, name := range []string{"rtol", "atol"} {
		if v, ok := flag(name); ok {
			asked = math.Max(asked, v)
		}
	}
	if slices.Contains(args, "--solver=sinkhorn") {
		v, ok := flag("tol")
		if !ok {
			v = 1e-6
		}
		asked = math.Max(asked, v)
	}
	if single = slices.Contains(args, "--dtype=f32"); single {
		asked = math.Max(asked, 64*0x1p-24)
	}
	return verifyMargin * asked, single
}

// Verify runs k runs that are done again, drawn with the seed, on the CPU in float64, and compares every number of their
// results: to a hundred times the tolerances that the run was asked for, which are no less than 64 roundoffs of its type. Gaps,
// margins and asymmetries are compared by their difference, others relative to their size; not compared is what says where
// and how a result was computed, and of float32 what rounding decides, such as which of nearly equal pairs was taken. k beyond what is done takes all.
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
		if err := v.compare(r, records[r.ID].Result, out.Stdout); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// streamVerify is the stream of random numbers that choose runs.
const streamVerify = 0x7377_6565_7001

func (v *Verification) compare(r Run, was json.RawMessage, is []byte) error {
	now := map[string]string{}
	if err := flatten(bytes.TrimSpace(is), "", func(name, value string) { now[name] = value }); err != nil {
		return fmt.Errorf("sweep: verify: %s: %w", strings.Join(r.Args, " "), err)
	}
	tolerance, single := toleranceOf(r.Args)
	return flatten(was, "", func(name, value string) {
		like := likenessOf(name, single)
		if like == free {
			return
		}
		v.Numbers++
		other := now[name]
		x, errX := strconv.ParseFloat(value, 64)
		y, errY := strconv.ParseFloat(other, 64)
		size := math.Max(math.Abs(x), math.Abs(y))
		limit := tolerance * size
		if like == absolute {
			limit = tolerance
		}
		if errX == nil && errY == nil && math.Abs(x-y) <= limit || value == other {
			return
		}
		v.Differences = append(v.Differences, Difference{r, name, value, other, limit})
	})
}
