package main

import (
	"context"
	"fmt"
	"time"

	"monge/engine/arrayio"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/report"
	"monge/engine/study"

	"github.com/spf13/cobra"
	"gorgonia.org/tensor"
)

// certifyJSON is the result of certify.
type certifyJSON struct {
	Schema           string        `json:"schema"`
	N                int           `json:"n"`
	D                int           `json:"d"`
	Cost             number        `json:"cost"`
	Lower            number        `json:"lower"`
	Upper            number        `json:"upper"`
	RelativeLower    number        `json:"relative_lower"`
	RelativeUpper    number        `json:"relative_upper"`
	CertifiedOptimal bool          `json:"certified_optimal"`
	SlackMargin      number        `json:"slack_margin"`
	MovedFraction    number        `json:"moved_fraction"`
	Passes           int           `json:"passes"`
	Jacobian         *jacobianJSON `json:"jacobian"`
	Seconds          number        `json:"seconds"`
	Engine           engineJSON    `json:"engine"`
}

// certifyFlags are the flags of certify.
type certifyFlags struct {
	potentials, line string
	probes, jvp      string
	out              string
}

func newCertify(a *app) *cobra.Command {
	var f certifyFlags
	c := &cobra.Command{
		Use:   "certify X Y",
		Short: "Is pairing row i of X with row i of Y optimal?",
		Long: `Bracket how far the pairing of row i of X with row i of Y is from optimal transport, whatever encoder made
it. Lower is proved by potentials that are feasible over all pairs, upper is the best pairing found.

--probes V and --jvp JV, [N, K, d] each, hold K random directions at each row of X and the encoder's Jacobian
times them; they give an estimate of the Jacobian's asymmetry, which is 0 where the map is a gradient.`,
		Example: `  monge certify X.npy Z.npy --json
  monge certify X.npy Z.npy --probes V.npy --jvp JV.npy
  monge certify X.npy Z.npy --potentials dual`,
		Args: cobra.ExactArgs(2),
	}
	fl := c.Flags()
	fl.StringVar(&f.potentials, "potentials", "", "force where the potentials come from: line, dual, exact")
	fl.StringVar(&f.line, "line", "", "file with the line integrals of the encoder at the rows of X [N]; with line")
	fl.StringVar(&f.probes, "probes", "", "file with directions at the rows of X [N, K, d]")
	fl.StringVar(&f.jvp, "jvp", "", "file with the encoder's Jacobian times the directions [N, K, d]")
	fl.StringVarP(&f.out, "out", "o", "", "file for the JSON result")
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, args []string) error { return f.run(ctx, a, args) })
	return c
}

func (f *certifyFlags) check() error {
	switch f.potentials {
	case "", "dual", "exact":
		if f.line != "" && f.potentials != "" {
			return usagef("--line %s: --potentials %s does not take it", f.line, f.potentials)
		}
	case "line":
		if f.line == "" {
			return usagef("--potentials line: --line FILE is needed, the line integrals of the encoder")
		}
	default:
		return usagef("--potentials %q: want line, dual or exact", f.potentials)
	}
	if (f.probes == "") != (f.jvp == "") {
		return usagef("--probes %q and --jvp %q: both are needed", f.probes, f.jvp)
	}
	return nil
}

func (f *certifyFlags) run(ctx context.Context, a *app, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.out != "" {
		if err := a.out.declareFile(f.out); err != nil {
			return err
		}
	}
	x, err := a.points(args[0])
	if err != nil {
		return err
	}
	y, err := a.points(args[1])
	if err != nil {
		return err
	}
	n, d := x.Shape()[0], x.Shape()[1]
	if ny, dy := y.Shape()[0], y.Shape()[1]; ny != n || dy != d {
		return usagef("%s is %d x %d, %s is %d x %d: want the same shape", args[0], n, d, args[1], ny, dy)
	}
	s := &ot.CertifySettings{Potentials: f.potentials, Threads: a.threads}
	if f.line != "" {
		line, err := arrayio.ReadVector(f.line, arrayio.Options{})
		if err != nil {
			return err
		}
		if len(line) != n {
			return usagef("%s has %d line integrals, %s has %d rows", f.line, len(line), args[0], n)
		}
		s.Potentials = "line"
		s.Line = func(context.Context) ([]float64, error) { return line, nil }
	}
	jacobian, err := f.asymmetry(n, d)
	if err != nil {
		return err
	}
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)
	s.Engine = e
	s.Progress = func(passes int, _ float64) { a.bar.set("passes", passes, 100) }
	if kept := a.checkpoint(); kept != nil {
		s.Resume, s.Keep = keeper[ot.CertifyState](a, kept, "certify")
	}
	began := time.Now()
	r, err := ot.Certify(ctx, x, y, s)
	if err != nil {
		return err
	}
	if r.Note != "" {
		a.note("certify: %s", r.Note)
	}
	j := certifyJSON{
		Schema: "monge.certify/1", N: n, D: d, Cost: number(r.Cost), Lower: number(r.Lower), Upper: number(r.Upper),
		RelativeLower: number(r.RelativeLower), RelativeUpper: number(r.RelativeUpper), CertifiedOptimal: r.CertifiedOptimal,
		SlackMargin: number(r.SlackMargin), MovedFraction: number(r.MovedFraction), Passes: r.Passes, Jacobian: jacobian,
		Seconds: number(time.Since(began).Seconds()), Engine: describeEngine(e, a.dtype()),
	}
	if f.out != "" {
		if err := a.out.save(ctx, func(o *arrayio.Outputs) error { return writeJSON(o, f.out, j) }); err != nil {
			return err
		}
	}
	t := a.table()
	t.Add("pairs", fmt.Sprint(n), fmt.Sprintf("rows of %s with the same rows of %s, d = %d", args[0], args[1], d))
	addCertificate(t, r)
	t.Add("passes", fmt.Sprint(r.Passes), "over all pairs")
	if jacobian != nil {
		addJacobian(t, *jacobian)
	}
	t.Add("seconds", text(j.Seconds), "in the solver")
	addEngine(t, j.Engine)
	return a.print(j, t)
}

// asymmetry estimates the asymmetry of the encoder's Jacobian from dumped products, nil without them.
func (f *certifyFlags) asymmetry(n, d int) (*jacobianJSON, error) {
	if f.probes == "" {
		return nil, nil
	}
	v, err := arrayio.ReadTensor(f.probes, arrayio.Options{})
	if err != nil {
		return nil, err
	}
	jv, err := arrayio.ReadTensor(f.jvp, arrayio.Options{})
	if err != nil {
		return nil, err
	}
	for _, a := range []struct {
		path  string
		shape []int
	}{{f.probes, v.Shape}, {f.jvp, jv.Shape}} {
		if len(a.shape) != 3 || a.shape[0] != n || a.shape[1] < 2 || a.shape[1] != v.Shape[1] || a.shape[2] != d {
			return nil, usagef("%s has shape %v: want [%d, K, %d] with K at least 2, the same in both files", a.path, a.shape, n, d)
		}
	}
	asym, err := flow.AsymmetryProbes(asTensor(v), asTensor(jv))
	if err != nil {
		return nil, err
	}
	s := study.Summarise(asym, v.Shape[1])
	return &jacobianJSON{number(s.Mean), number(s.Max), s.Points, s.Probes}, nil
}

func asTensor(a *arrayio.Array) *tensor.Dense {
	return tensor.New(tensor.WithShape(a.Shape...), tensor.WithBacking(a.Data))
}

// addCertificate adds the rows of a certificate to a table.
func addCertificate(t *report.Table, r *ot.Certificate) {
	t.Add("encoder's cost", text(number(r.Cost)), "mean |x - z|^2 of the given pairing")
	t.Add("optimal cost", span(text(number(r.Lower)), text(number(r.Upper))), "proved lower bound, cheapest pairing found")
	verdict := "how much more the given pairing costs than the best one"
	if r.CertifiedOptimal {
		verdict = "certified optimal on this cloud"
	}
	t.Add("relative gap", span(percent(number(r.RelativeLower)), percent(number(r.RelativeUpper))), verdict)
	t.Add("moved", percent(number(r.MovedFraction)), "rows that the best pairing found moves")
	t.Add("slack margin", text(number(r.SlackMargin)), "how far the closest other pairing is from being as good")
}

func addJacobian(t *report.Table, j jacobianJSON) {
	how := "exact"
	if j.Probes > 0 {
		how = fmt.Sprintf("%d probes a point", j.Probes)
	}
	t.Add("asymmetry", text(j.AsymMean), fmt.Sprintf("mean of |J - J^T|/|J| over %d points, %s; 0 for an optimal map", j.Points, how))
	t.Add("", text(j.AsymMax), "largest")
}

// span prints an interval, or its one value.
func span(lower, upper string) string {
	if lower == upper {
		return lower
	}
	return lower + " .. " + upper
}
