package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/ot"

	"github.com/spf13/cobra"
)

// otJSON is the result of ot.
type otJSON struct {
	Schema        string     `json:"schema"`
	Solver        string     `json:"solver"`
	N             int        `json:"n"`
	M             int        `json:"m"`
	D             int        `json:"d"`
	Cost          number     `json:"cost"`
	Lower         number     `json:"lower"`
	Upper         number     `json:"upper"`
	Dual          number     `json:"dual"`
	Eps           number     `json:"eps"`
	Iterations    count      `json:"iterations"`
	MarginalError number     `json:"marginal_error"`
	Status        string     `json:"status"`
	Seconds       number     `json:"seconds"`
	Engine        engineJSON `json:"engine"`
}

// otFlags are the flags of ot, and which solvers take them.
type otFlags struct {
	solver                 string
	eps, epsRel, tol       float64
	maxIter                int
	scheduleEps            string
	weightsX, weightsY     string
	potentials, assignment string
	projections            int
	out                    string
}

// solvers are the names of --solver with the flags that not all of them take.
func solvers() map[string][]string {
	return map[string][]string{
		"exact":    {"potentials", "assignment"},
		"sinkhorn": {"eps", "eps-rel", "tol", "max-iter", "schedule-eps", "potentials"},
		"sliced":   {"projections"},
		"gaussian": {},
		"onedim":   {"potentials", "assignment"},
	}
}

func newOT(a *app) *cobra.Command {
	var f otFlags
	c := &cobra.Command{
		Use:   "ot X Y",
		Short: "Optimal transport between two clouds of points",
		Long: `Optimal transport from the rows of X to the rows of Y under the cost |x - y|^2, with weights that sum to 1.

Solvers: exact (the optimum and its potentials), sinkhorn (entropic, with a bracket of the optimum), sliced
(a lower bound from random lines), gaussian (between the Gaussians of the clouds' moments), onedim (d = 1).`,
		Example: `  monge ot X.npy Y.npy
  monge ot X.npy Y.npy --solver sinkhorn --eps-rel 0.01 --potentials duals --json
  monge ot X.csv Y.csv --weights-x a.csv --assignment plan.npy`,
		Args: cobra.ExactArgs(2),
	}
	fl := c.Flags()
	fl.StringVar(&f.solver, "solver", "exact", "exact, sinkhorn, sliced, gaussian, onedim")
	fl.Float64Var(&f.eps, "eps", 0, "sinkhorn: regularisation")
	fl.Float64Var(&f.epsRel, "eps-rel", 0, "sinkhorn: regularisation as a multiple of the weighted mean cost")
	fl.Float64Var(&f.tol, "tol", 1e-6, "sinkhorn: L1 error of the row marginal to stop at; 0 runs exactly --max-iter iterations")
	fl.IntVar(&f.maxIter, "max-iter", 10000, "sinkhorn: most iterations")
	fl.StringVar(&f.scheduleEps, "schedule-eps", "on", "sinkhorn: come down to eps from the cost's scale: on, off")
	fl.IntVar(&f.projections, "projections", 256, "sliced: directions")
	fl.StringVar(&f.weightsX, "weights-x", "", "file with the weights of the rows of X (default equal)")
	fl.StringVar(&f.weightsY, "weights-y", "", "file with the weights of the rows of Y (default equal)")
	fl.StringVar(&f.potentials, "potentials", "", "directory for the potentials f.npy and g.npy")
	fl.StringVar(&f.assignment, "assignment", "", "file for the row of Y of each row of X, or the plan's entries (i, j, mass)")
	fl.StringVarP(&f.out, "out", "o", "", "file for the JSON result")
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, args []string) error { return f.run(ctx, a, c, args) })
	return c
}

// check looks at the flags without opening files.
func (f *otFlags) check(c *cobra.Command) error {
	all := solvers()
	takes, ok := all[f.solver]
	if !ok {
		return usagef("--solver %q: want exact, sinkhorn, sliced, gaussian or onedim", f.solver)
	}
	for _, name := range []string{"eps", "eps-rel", "tol", "max-iter", "schedule-eps", "projections", "potentials", "assignment"} {
		if c.Flags().Changed(name) && !slices.Contains(takes, name) {
			var who []string
			for s, flags := range all {
				if slices.Contains(flags, name) {
					who = append(who, s)
				}
			}
			slices.Sort(who)
			return usagef("--%s %s: --solver %s does not take it, %s does", name, c.Flag(name).Value, f.solver, strings.Join(who, " or "))
		}
	}
	if f.projections <= 0 {
		return usagef("--projections %d: want a positive number", f.projections)
	}
	if f.solver != "sinkhorn" {
		return nil
	}
	hasEps, hasRel := c.Flags().Changed("eps"), c.Flags().Changed("eps-rel")
	switch {
	case hasEps == hasRel && hasEps:
		return usagef("--eps %v and --eps-rel %v: want exactly one", f.eps, f.epsRel)
	case hasEps == hasRel:
		return usagef("--solver sinkhorn: --eps or --eps-rel is needed")
	case hasEps && !positive(f.eps):
		return usagef("--eps %v: want a positive number", f.eps)
	case hasRel && !positive(f.epsRel):
		return usagef("--eps-rel %v: want a positive number", f.epsRel)
	case !(f.tol >= 0) || math.IsInf(f.tol, 1):
		return usagef("--tol %v: want 0 or a positive number", f.tol)
	case f.maxIter <= 0:
		return usagef("--max-iter %d: want a positive number", f.maxIter)
	case f.scheduleEps != "on" && f.scheduleEps != "off":
		return usagef("--schedule-eps %q: want on or off", f.scheduleEps)
	}
	return nil
}

// declare announces the outputs.
func (f *otFlags) declare(a *app) error {
	// The directory comes first, because the others may be files in it.
	if f.potentials != "" {
		if err := a.out.shareDir(f.potentials); err != nil {
			return err
		}
		for _, name := range []string{"f.npy", "g.npy"} {
			if err := a.out.declare(filepath.Join(f.potentials, name), 1); err != nil {
				return err
			}
		}
	}
	if f.out != "" {
		if err := a.out.declareFile(f.out); err != nil {
			return err
		}
	}
	if f.assignment != "" {
		return a.out.declare(f.assignment, 2)
	}
	return nil
}

func (f *otFlags) run(ctx context.Context, a *app, c *cobra.Command, args []string) error {
	if err := f.check(c); err != nil {
		return err
	}
	if err := f.declare(a); err != nil {
		return err
	}
	var clouds ot.Clouds
	var err error
	if clouds.X, err = a.points(args[0]); err != nil {
		return err
	}
	if clouds.Y, err = a.points(args[1]); err != nil {
		return err
	}
	n, m, d := clouds.X.Shape()[0], clouds.Y.Shape()[0], clouds.X.Shape()[1]
	if dy := clouds.Y.Shape()[1]; dy != d {
		return usagef("%s has %d columns, %s has %d", args[0], d, args[1], dy)
	}
	if f.solver == "sliced" {
		if err := fits(fmt.Sprintf("--projections %d in %d dimensions", f.projections, d), float64(f.projections)*float64(d+1)); err != nil {
			return err
		}
	}
	if f.solver == "onedim" && d != 1 {
		return usagef("--solver onedim: %s has %d columns, want 1", args[0], d)
	}
	if clouds.A, err = a.weights("x", f.weightsX, n, args[0]); err != nil {
		return err
	}
	if clouds.B, err = a.weights("y", f.weightsY, m, args[1]); err != nil {
		return err
	}
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)

	r, err := f.solve(ctx, a, e, clouds)
	if err != nil {
		return err
	}
	if r.Note != "" {
		a.note("%s: %s", r.Solver, r.Note)
	}
	for _, p := range r.Trace {
		a.note("iteration %d: eps %.6g, marginal error %.3g", p.Iteration, p.Eps, p.Error)
	}
	j := otJSON{
		Schema: "monge.ot/1", Solver: f.solver, N: n, M: m, D: d, Cost: number(r.Cost), Lower: number(r.Lower), Upper: number(r.Upper),
		Dual: number(r.Dual), Eps: number(r.Eps), Iterations: count(r.Iterations), MarginalError: number(r.MarginalError),
		Status: string(r.Status), Seconds: number(r.Seconds), Engine: describeEngine(e, a.dtype()),
	}
	if f.solver != "sinkhorn" {
		j.Iterations = -1
	}
	if err := a.out.save(ctx, func(o *arrayio.Outputs) error { return f.write(o, r, j) }); err != nil {
		return err
	}

	t := a.table()
	t.Add("problem", fmt.Sprintf("%d to %d points", n, m), fmt.Sprintf("d = %d, cost |x - y|^2", d))
	t.Add("solver", f.solver)
	t.Add("status", j.Status)
	switch f.solver {
	case "sliced":
		t.Add("cost", text(j.Cost), fmt.Sprintf("d times the mean cost along %d random lines: estimates a lower bound of the optimum", f.projections))
	case "gaussian":
		t.Add("cost", text(j.Cost), "between the Gaussians of the clouds' means and covariances: a lower bound for the clouds")
	default:
		t.Add("cost", text(j.Cost), "transport cost of the returned plan")
		t.Add("lower", text(j.Lower), "the optimum is at least this")
		t.Add("upper", text(j.Upper), "the optimum is at most this")
		t.Add("dual", text(j.Dual), "value of the potentials")
	}
	if f.solver == "sinkhorn" {
		t.Add("eps", text(j.Eps), "regularisation")
		t.Add("iterations", fmt.Sprint(r.Iterations))
		t.Add("marginal error", text(j.MarginalError), "of the rows, L1")
	}
	t.Add("seconds", text(j.Seconds), "in the solver")
	addEngine(t, j.Engine)
	if err := a.print(j, t); err != nil {
		return err
	}
	if r.Status == ot.IterationLimit {
		return fmt.Errorf("%s: marginal error %.3g after %d iterations, --tol %.3g: %w", f.solver, r.MarginalError, r.Iterations, f.tol, errNotConverged)
	}
	return nil
}

func (f *otFlags) solve(ctx context.Context, a *app, e engine.Engine, clouds ot.Clouds) (*ot.Result, error) {
	switch f.solver {
	case "sinkhorn":
		s := &ot.SinkhornSettings{
			Eps: f.eps, EpsRel: f.epsRel, Tol: f.tol, MaxIter: f.maxIter, NoSchedule: f.scheduleEps == "off", Dtype: a.dtype(),
			Progress: func(iteration int, _ float64) { a.bar.set("sinkhorn", iteration, f.maxIter) },
		}
		if f.tol == 0 {
			s.Tol = -1
		}
		if kept := a.checkpoint(); kept != nil && a.service.place == nil {
			s.Resume, s.Keep = keeper[ot.SinkhornState](a, kept, "sinkhorn")
		}
		return a.service.sinkhorn(ctx, e, clouds, s)
	case "sliced":
		return ot.Sliced(ctx, clouds, &ot.SlicedSettings{Projections: f.projections, Seed: a.seed, Threads: a.threads})
	case "gaussian":
		return ot.Gaussian(ctx, clouds)
	case "onedim":
		return ot.OneDim(ctx, clouds)
	}
	return ot.Exact(ctx, clouds, &ot.ExactSettings{Engine: e, Threads: a.threads, Progress: a.bar.of("exact")})
}

// write writes the files of a result.
func (f *otFlags) write(o *arrayio.Outputs, r *ot.Result, j otJSON) error {
	if f.out != "" {
		if err := writeJSON(o, f.out, j); err != nil {
			return err
		}
	}
	if f.potentials != "" {
		if r.F == nil || r.G == nil {
			return errors.New("the solver gave no potentials")
		}
		for name, v := range map[string][]float64{"f.npy": r.F, "g.npy": r.G} {
			if err := o.Write(filepath.Join(f.potentials, name), []int{len(v)}, v); err != nil {
				return err
			}
		}
	}
	switch {
	case f.assignment == "":
		return nil
	case r.Assignment != nil:
		return o.WriteInts(f.assignment, []int{len(r.Assignment)}, r.Assignment)
	}
	entries := make([]float64, 0, 3*len(r.Plan))
	for _, e := range r.Plan {
		entries = append(entries, float64(e.I), float64(e.J), e.Mass)
	}
	return o.Write(f.assignment, []int{len(r.Plan), 3}, entries)
}

func writeJSON(o *arrayio.Outputs, path string, v any) error {
	return o.Add(path, func(w io.Writer) error {
		b, err := marshal(v)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	})
}

// weights reads the weights of the n rows of a cloud, nil without a file.
func (a *app) weights(cloud, path string, n int, points string) ([]float64, error) {
	if path == "" {
		return nil, nil
	}
	w, err := arrayio.ReadVector(path, arrayio.Options{})
	if err != nil {
		return nil, err
	}
	if len(w) != n {
		return nil, usagef("%s has %d weights, %s has %d rows", path, len(w), points, n)
	}
	var sum float64
	for i, v := range w {
		if v < 0 {
			return nil, usagef("%s: row %d, counted from 1: weight %v is negative", path, i+1, v)
		}
		sum += v
	}
	if _, _, err := ot.Normalize(cloud, w, n); err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	if math.Abs(sum-1) > 1e-9 {
		a.warn("%s: weights sum to %.9g: normalised", path, sum)
	}
	return w, nil
}
