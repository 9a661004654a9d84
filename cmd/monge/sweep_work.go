package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"strconv"
	"strings"

	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/study"
	"monge/engine/sweep"

	"gorgonia.org/tensor"
)

// workModel says in a sentence how a run's operations are counted where no run like it is done.
const workModel = "a velocity evaluation 10 for each of the law's multiplications and 100 d, 60 evaluations a row; exact transport and certificates 20 n m d; a Sinkhorn iteration n m (2 d + 40), 50 of them or --max-iter; moments and axes 30 n d min(n, d)"

// works tells the sizes and the operations of a sweep's runs from their flags. Files and laws are read once.
type works struct {
	flags  *sweepFlags
	runs   map[string]sweep.Work
	shapes map[string][2]int
	laws   map[string][2]float64 // dimension and work of an evaluation
}

func newWorks(s *sweepFlags) *works {
	return &works{flags: s, runs: map[string]sweep.Work{}, shapes: map[string][2]int{}, laws: map[string][2]float64{}}
}

// of returns a run's work. What cannot be told, say of a file that is not there, is left empty: the run itself will say
// what is wrong.
func (w *works) of(r sweep.Run) sweep.Work {
	if known, ok := w.runs[r.ID]; ok {
		return known
	}
	var work sweep.Work
	if defaults, err := w.flags.Flags(r.Args[0]); err == nil {
		work = w.measure(newCall(r.Args, defaults))
	}
	w.runs[r.ID] = work
	return work
}

// call is a run's command line, taken apart.
type call struct {
	command string
	args    []string
	flags   map[string]string // every flag's value
	given   map[string]bool
}

func newCall(args []string, defaults map[string]string) *call {
	c := &call{command: args[0], flags: maps.Clone(defaults), given: map[string]bool{}}
	for _, a := range args[1:] {
		if name, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(name, "--") {
			c.flags[name[2:]] = value
			c.given[name[2:]] = true
		} else {
			c.args = append(c.args, a)
		}
	}
	return c
}

func (c *call) number(flag string) float64 {
	v, err := strconv.ParseFloat(c.flags[flag], 64)
	if err != nil {
		return 0
	}
	return v
}

// flow is about the operations of a row's flow at the default tolerances, or of so many steps.
func (c *call) flow(law [2]float64) float64 {
	evaluations := 60.
	if k := c.number("steps"); k > 0 {
		evaluations = k
	}
	return evaluations * (10*law[1] + 100*law[0])
}

const (
	carried     = 15      // numbers that a flow keeps of each coordinate, the slopes of the steps before
	mostCarried = 1 << 27 // beyond it a flow takes its rows in parts
)

// inMemory is the memory of a process with so many numbers: twice that, for the garbage collector, and the program's own.
func inMemory(numbers float64) float64 { return 16*numbers + 30<<20 }

// measure finds a run's sizes.
func (w *works) measure(c *call) sweep.Work {
	switch c.command {
	case "compare":
		law, ok := w.law(c)
		if !ok {
			return sweep.Work{}
		}
		n, d := c.number("n"), law[0]
		switch {
		case n > 0:
		case c.flags["data"] != "":
			n = float64(w.shape(c, c.flags["data"])[0])
		case c.flags["dist"] == "":
			n = float64(dist.Digits().Shape()[0])
		default:
			n = 1000
		}
		points, probes := c.number("jacobian-points"), c.number("probes")
		if points == 0 {
			points = study.DefaultJacobianPoints
		}
		if probes == 0 {
			if probes = study.DefaultProbes; d <= study.ExactJacobian {
				probes = d
			}
		}
		points = math.Min(points, n)
		return sweep.Work{
			Shape:      fmt.Sprintf("n = %.0f, d = %.0f", n, d) + c.own("dist", "data", "n", "jacobian-points", "probes"),
			Operations: c.flow(law)*(n+2*points*probes) + 20*n*n*d + 30*n*d*math.Min(n, d),
			Bytes:      inMemory(6*n*d + math.Min(carried*points*probes*d, mostCarried)),
		}
	case "encode", "decode":
		law, ok := w.law(c)
		if !ok || len(c.args) != 1 {
			return sweep.Work{}
		}
		s := w.shape(c, c.args[0])
		n, d, rows := float64(s[0]), float64(s[1]), 1.
		if c.flags["jacobian"] != "" {
			rows += d
		}
		return sweep.Work{
			Shape:      fmt.Sprintf("n = %.0f, d = %.0f", n, d) + c.own("dist", "data"),
			Operations: c.flow(law) * n * rows, Bytes: inMemory(n*d*(2+rows) + math.Min(carried*n*d*rows, mostCarried)),
		}
	case "sample":
		law, ok := w.law(c)
		if !ok {
			return sweep.Work{}
		}
		n := c.number("n")
		return sweep.Work{Shape: fmt.Sprintf("n = %.0f, d = %.0f", n, law[0]) + c.own("n"), Operations: 50 * n * law[0], Bytes: inMemory(2 * n * law[0])}
	case "ot", "certify":
		return w.transport(c)
	}
	// Of bound and suite only what is done tells anything.
	return sweep.Work{Shape: strings.TrimSpace(c.command + " " + strings.Join(c.args, " ") + " " + c.flags["dist"] + c.own())}
}

// own are the flags given that change how long a run takes, without those named, which are in the sizes already.
func (c *call) own(without ...string) string {
	skip := map[string]bool{"seed": true, "engine": true, "threads": true, "eps": true, "eps-rel": true, "bandwidth": true, "key": true, "columns": true}
	for _, name := range without {
		skip[name] = true
	}
	var text strings.Builder
	for _, name := range []string{"solver", "dtype", "method", "schedule", "rtol", "atol", "steps", "tol", "max-iter", "projections", "probes", "jacobian-points", "potentials", "quick"} {
		if c.given[name] && !skip[name] {
			text.WriteString(", " + name + " " + c.flags[name])
		}
	}
	return text.String()
}

// transport finds the sizes of ot and certify.
func (w *works) transport(c *call) sweep.Work {
	if len(c.args) != 2 {
		return sweep.Work{}
	}
	x, y := w.shape(c, c.args[0]), w.shape(c, c.args[1])
	if x[0] == 0 || y[0] == 0 || x[1] != y[1] {
		return sweep.Work{}
	}
	n, m, d := float64(x[0]), float64(y[0]), float64(x[1])
	work := sweep.Work{
		Shape: fmt.Sprintf("n = %.0f, m = %.0f, d = %.0f", n, m, d) + c.own(),
		Bytes: inMemory((n + m) * (3*d + 30)),
	}
	switch c.flags["solver"] {
	case "sinkhorn":
		iterations := 50.
		if c.number("tol") == 0 || c.flags["schedule-eps"] == "off" {
			iterations = c.number("max-iter")
		}
		work.Operations = (iterations + 4) * n * m * (2*d + 40)
		work.Launch = c.launch(work.Shape)
	case "sliced":
		work.Operations = c.number("projections") * (n + m) * (2*d + 10*math.Log2(n+m))
	case "gaussian":
		work.Operations = 2*(n+m)*d*d + 60*d*d*d
	case "onedim":
		work.Operations = 20 * (n + m) * math.Log2(n+m)
	default: // exact, and certify
		work.Operations = 20 * n * m * d
	}
	return work
}

// launch names the runs whose problems ot.SinkhornBatch solves together with the bits of each by itself: plain iterations in
// float64, on clouds of one shape, that differ in clouds, weights and eps.
func (c *call) launch(shape string) string {
	if c.flags["dtype"] != "f64" || c.number("tol") != 0 && c.flags["schedule-eps"] != "off" || c.flags["potentials"] != "" {
		return ""
	}
	kind := "eps"
	if c.given["eps-rel"] {
		kind = "eps-rel"
	}
	return strings.Join([]string{shape, kind, c.flags["schedule-eps"], c.flags["engine"], c.flags["threads"]}, "|")
}

// shape reads a file of points and returns its rows and columns.
func (w *works) shape(c *call, path string) [2]int {
	key := path + "|" + c.flags["key"] + "|" + c.flags["columns"]
	if s, ok := w.shapes[key]; ok {
		return s
	}
	o := arrayio.Options{Key: c.flags["key"]}
	if v := strings.Trim(c.flags["columns"], "[]"); v != "" {
		o.Columns = strings.Split(v, ",")
	}
	var s [2]int
	if _, err := os.Stat(path); err == nil {
		if a, err := arrayio.ReadPoints(path, o); err == nil {
			s = [2]int{a.Points().Shape()[0], a.Points().Shape()[1]}
		}
	}
	w.shapes[key] = s
	return s
}

// law returns the dimension of a run's law, and the work of an evaluation of its velocity.
func (w *works) law(c *call) ([2]float64, bool) {
	if data := c.flags["data"]; data != "" {
		s := w.shape(c, data)
		return [2]float64{float64(s[1]), float64(s[0]) * float64(s[1])}, s[0] > 0
	}
	spec := c.flags["dist"]
	if c.command == "sample" && len(c.args) == 1 {
		spec = c.args[0]
	}
	if spec == "" {
		spec = "digits"
	}
	if l, ok := w.laws[spec]; ok {
		return l, l[0] > 0
	}
	var l [2]float64
	loaded, err := dist.Load(spec, func(path string) (*tensor.Dense, error) {
		a, err := arrayio.ReadMatrices(path, arrayio.Options{})
		if err != nil {
			return nil, err
		}
		return asTensor(a), nil
	})
	if err == nil {
		l = [2]float64{float64(loaded.Law.Dim()), dist.Work(loaded.Law)}
	}
	w.laws[spec] = l
	return l, err == nil
}
