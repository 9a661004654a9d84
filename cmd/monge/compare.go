package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/report"
	"monge/engine/study"

	"github.com/spf13/cobra"
)

// compareJSON is the result of compare.
type compareJSON struct {
	Schema   string              `json:"schema"`
	Problem  problemJSON         `json:"problem"`
	Engine   engineJSON          `json:"engine"`
	Flow     flowJSON            `json:"flow"`
	Cost     costJSON            `json:"cost"`
	Gap      gapJSON             `json:"gap"`
	Jacobian compareJacobianJSON `json:"jacobian"`
	Loop     *loopJSON           `json:"loop"`
	Bounds   boundsJSON          `json:"bounds"`
	Status   string              `json:"status"`
	Seconds  number              `json:"seconds"`
}

type problemJSON struct {
	Dist      string `json:"dist"`
	N         int    `json:"n"`
	D         int    `json:"d"`
	Seed      uint64 `json:"seed"`
	Tau       number `json:"tau"`
	Bandwidth number `json:"bandwidth"`
}

type costJSON struct {
	Encoder number `json:"encoder"`
	OTLower number `json:"ot_lower"`
	OTUpper number `json:"ot_upper"`
}

type gapJSON struct {
	RelativeLower    number `json:"relative_lower"`
	RelativeUpper    number `json:"relative_upper"`
	CertifiedOptimal bool   `json:"certified_optimal"`
	MovedFraction    number `json:"moved_fraction"`
	SlackMargin      number `json:"slack_margin"`
}

// loopJSON is a loop of points around a row; null where the Jacobians are symmetric. What was not measured, since
// the loop would take more points than were encoded, is null.
type loopJSON struct {
	Row            int    `json:"row"`
	Points         int    `json:"points"`
	Threshold      number `json:"threshold"`
	Radius         number `json:"radius"`
	RelativeChange number `json:"relative_change"`
	Error          number `json:"error"`
	NotOptimal     bool   `json:"not_optimal"`
}

type boundsJSON struct {
	Gelbrich  number `json:"gelbrich"`
	Marginal  number `json:"marginal"`
	Principal number `json:"principal"`
	Sliced    number `json:"sliced"`
}

// Statuses of compare: the optimum is known, or it is bracketed.
const (
	statusOptimal   = "optimal"
	statusBracketed = "bracketed"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	law                    lawFlags
	flow                   flowFlags
	n                      int
	out                    string
	probes, jacobianPoints int
}

func newCompare(a *app) *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare [--dist D | --data FILE --bandwidth H]",
		Short: "Compare a distribution's encoder with optimal transport",
		Long: `Encode points of a distribution and compare the pairing (x, E(x)) with optimal transport between the same
two clouds: costs, the relative gap with certified bounds, the asymmetry of the encoder's Jacobian (0 exactly
where the map can be optimal), and lower bounds that need no solver.

Without --dist and --data it takes the embedded handwritten digits, all rows. --data takes the rows of the file
themselves unless -n draws from the smoothed distribution.`,
		Example: `  monge compare --out digits
  monge compare --dist G1 -n 2000 --seed 3 --json
  monge compare --data images.npy --bandwidth 0.5 --out result`,
		Args: cobra.NoArgs,
	}
	f.law.add(c)
	fl := c.Flags()
	fl.IntVarP(&f.n, "n", "n", 0, "points to draw (default 1000 of a distribution, the rows themselves of --data)")
	fl.StringVarP(&f.out, "out", "o", "", "directory for compare.json, x.npy, z.npy, assignment.npy, couplings.png")
	f.flow.add(c)
	fl.IntVar(&f.probes, "probes", 0, fmt.Sprintf("random directions a point for the asymmetry (default exact up to d = %d, else %d)", study.ExactJacobian, study.DefaultProbes))
	fl.IntVar(&f.jacobianPoints, "jacobian-points", 0, fmt.Sprintf("points at which the asymmetry is taken (default %d)", study.DefaultJacobianPoints))
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, _ []string) error { return f.run(ctx, a, c) })
	return c
}

func (f *compareFlags) run(ctx context.Context, a *app, c *cobra.Command) error {
	began := time.Now()
	s, err := f.settings(a, c)
	if err != nil {
		return err
	}
	if err := f.declare(a); err != nil {
		return err
	}
	l, err := f.points(a, s)
	if err != nil {
		return err
	}
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)
	n := s.N
	if s.Points != nil {
		n = s.Points.Shape()[0]
	}
	d := float64(l.law.Dim())
	points := f.jacobianPoints
	if points == 0 {
		points = study.DefaultJacobianPoints
	}
	// Two clouds, in the caller's order and coordinates and in the solver's, and what the draw takes.
	if err := fits(fmt.Sprintf("clouds of %d points in %d dimensions", n, l.law.Dim()), 6*float64(n)*d); err != nil {
		return err
	}
	// The directions, their products and the copies on the engine.
	if err := fits(fmt.Sprintf("--probes %d in %d dimensions", f.probes, l.law.Dim()), 4*float64(min(n, points))*float64(f.probes)*d); err != nil {
		return err
	}
	s.Progress = a.bar.set
	s.Encode = study.Encoder(a.keeping(flow.Encode))
	if kept := a.checkpoint(); kept != nil {
		s.Certify.Resume, s.Certify.Keep = keeper[ot.CertifyState](a, kept, "certify")
	}
	r, err := study.Compare(ctx, e, *s)
	if err != nil {
		return err
	}
	if r.Transport.Note != "" {
		a.note("transport: %s", r.Transport.Note)
	}

	j := f.result(a, e, l, r)
	j.Seconds = number(time.Since(began).Seconds())
	if f.out != "" {
		title := fmt.Sprintf("%s: encoder and optimal transport", l.name)
		if err := a.out.save(ctx, func(o *arrayio.Outputs) error { return f.write(o, r, j, title) }); err != nil {
			return err
		}
	}
	return a.print(j, f.table(a, j, r))
}

// settings checks the flags.
func (f *compareFlags) settings(a *app, c *cobra.Command) (*study.CompareSettings, error) {
	s := &study.CompareSettings{N: 1000, Seed: a.seed, Dtype: a.dtype(), Probes: f.probes, JacobianPoints: f.jacobianPoints}
	var err error
	if s.Flow, err = f.flow.settings(c); err != nil {
		return nil, err
	}
	if err := f.law.check(c); err != nil {
		return nil, err
	}
	changed := c.Flags().Changed
	switch {
	case changed("n") && f.n <= 0:
		return nil, usagef("-n %d: want a positive number", f.n)
	case changed("probes") && f.probes < 2:
		return nil, usagef("--probes %d: want at least 2", f.probes)
	case changed("jacobian-points") && f.jacobianPoints <= 0:
		return nil, usagef("--jacobian-points %d: want a positive number", f.jacobianPoints)
	}
	if changed("n") {
		s.N = f.n
	}
	return s, nil
}

// points makes the law, and sets the settings' points where rows are taken and not drawn.
func (f *compareFlags) points(a *app, s *study.CompareSettings) (*loaded, error) {
	if f.law.dist == "" && f.law.data == "" {
		f.law.dist = "digits"
		if f.n == 0 {
			s.Points = dist.Digits()
		}
	}
	l, err := f.law.load(a)
	if err != nil {
		return nil, err
	}
	s.Law = l.law
	if l.rows != nil && f.n == 0 {
		s.Points = l.rows
	}
	return l, nil
}

// compareFiles are what --out holds.
func compareFiles() []string {
	return []string{"compare.json", "x.npy", "z.npy", "assignment.npy", "couplings.png"}
}

func (f *compareFlags) declare(a *app) error {
	if f.out == "" {
		return nil
	}
	if err := a.out.createDir(f.out); err != nil {
		return err
	}
	for _, name := range compareFiles() {
		if err := a.out.declareFile(filepath.Join(f.out, name)); err != nil {
			return err
		}
	}
	return nil
}

func (f *compareFlags) result(a *app, e engine.Engine, l *loaded, r *study.Comparison) compareJSON {
	t := r.Transport
	status := statusBracketed
	if t.Upper-t.Lower <= 1e-9*math.Abs(t.Upper) {
		status = statusOptimal
	}
	var loop *loopJSON
	if l := r.Loop; l != nil {
		loop = &loopJSON{r.LoopRow, l.Points, number(l.Threshold), number(l.Radius), number(l.Change), number(l.Error), l.NotOptimal}
	}
	return compareJSON{
		Schema: "monge.compare/1",
		Problem: problemJSON{
			Dist: l.name, N: r.X.Shape()[0], D: r.X.Shape()[1], Seed: a.seed, Tau: f.flow.tauJSON(), Bandwidth: l.bandwidthJSON(),
		},
		Engine:   describeEngine(e, a.dtype()),
		Flow:     describeFlow(&f.flow, r.Flow),
		Cost:     costJSON{number(t.Cost), number(t.Lower), number(t.Upper)},
		Gap:      gapJSON{number(t.RelativeLower), number(t.RelativeUpper), t.CertifiedOptimal, number(t.MovedFraction), number(t.SlackMargin)},
		Jacobian: compareJacobianJSON{jacobianJSON{number(r.Jacobian.Mean), number(r.Jacobian.Max), r.Jacobian.Points, r.Jacobian.Probes}, number(r.Jacobian.Least)},
		Loop:     loop,
		Bounds:   boundsJSON{number(r.Bounds.Gelbrich), number(r.Bounds.Marginal), number(r.Bounds.Principal), number(r.Bounds.Sliced)},
		Status:   status,
	}
}

func (f *compareFlags) write(o *arrayio.Outputs, r *study.Comparison, j compareJSON, title string) error {
	at := func(name string) string { return filepath.Join(f.out, name) }
	if err := writeJSON(o, at("compare.json"), j); err != nil {
		return err
	}
	x, n, d, err := engine.Matrix(r.X)
	if err != nil {
		return err
	}
	z, _, _, err := engine.Matrix(r.Z)
	if err != nil {
		return err
	}
	if err := o.Write(at("x.npy"), []int{n, d}, x); err != nil {
		return err
	}
	if err := o.Write(at("z.npy"), []int{n, d}, z); err != nil {
		return err
	}
	if a := r.Transport.Assignment; a != nil {
		if err := o.WriteInts(at("assignment.npy"), []int{n}, a); err != nil {
			return err
		}
	}
	return o.Add(at("couplings.png"), func(w io.Writer) error {
		return report.Couplings(w, r.X, r.Z, r.Transport.Assignment, report.CouplingsOptions{
			Title: title, RelativeLower: r.Transport.RelativeLower, RelativeUpper: r.Transport.RelativeUpper,
		})
	})
}

func addLoop(t *report.Table, l *loopJSON) {
	where := fmt.Sprintf("a loop of %d points near row %d", l.Points, l.Row)
	switch {
	case l.NotOptimal:
		t.Add("loop", percent(l.RelativeChange), where+" costs so much less re-paired: not the Monge map")
	case math.IsNaN(float64(l.RelativeChange)):
		t.Add("loop", "-", where+" might cost less re-paired; more points than were encoded")
	default:
		t.Add("loop", percent(l.RelativeChange), where+" costs no less re-paired")
	}
}

func (f *compareFlags) table(a *app, j compareJSON, r *study.Comparison) *report.Table {
	t := a.table()
	t.Section("problem")
	t.Add("distribution", j.Problem.Dist, fmt.Sprintf("%d points, d = %d", j.Problem.N, j.Problem.D))
	if b := text(j.Problem.Bandwidth); b != "-" {
		t.Add("bandwidth", b, "standard deviation of the smoothing")
	}
	t.Add("seed", fmt.Sprint(j.Problem.Seed))
	addEngine(t, j.Engine)
	t.Section("flow")
	addFlow(t, &f.flow, j.Flow)
	t.Section("transport")
	addCertificate(t, r.Transport)
	t.Section("Jacobian of the encoder")
	addJacobian(t, j.Jacobian.jacobianJSON)
	if r.Jacobian.Probes == 0 {
		t.Add("smallest eigenvalue", text(j.Jacobian.MinEigenvalue), "of (J + J^T)/2; at least 0 for an optimal map")
	}
	if j.Loop != nil {
		addLoop(t, j.Loop)
	}
	t.Section("lower bounds of the optimal cost")
	t.Add("Gelbrich", text(j.Bounds.Gelbrich), "from the clouds' means and covariances")
	t.Add("marginal", text(j.Bounds.Marginal), "from the coordinates one by one")
	t.Add("principal", text(j.Bounds.Principal), "the same along the principal axes of both clouds")
	t.Add("sliced", text(j.Bounds.Sliced), "from random directions; an estimate")
	t.Section("run")
	t.Add("status", j.Status, map[string]string{statusOptimal: "the optimal cost is known", statusBracketed: "the optimal cost lies between the bounds"}[j.Status])
	t.Add("seconds", text(j.Seconds), "in all")
	if f.out != "" {
		t.Add("wrote", f.out, fmt.Sprint(compareFiles()))
	}
	return t
}
