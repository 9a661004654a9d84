package engine

// StepDims are the sizes of an operation on Rows: N rows of S numbers, Slots vectors in a history.
type StepDims struct{ N, S, Slots int }

func (c *checker) typed(name string, x Buffer, t Dtype, b, n, d int) {
	if c.err != nil || !c.need(name, x) {
		return
	}
	if x.Dtype() != t {
		c.failf(ErrDtype, "%s is %v, want %v", name, x.Dtype(), t)
	}
	c.size(name, x, b, n, d)
}

func (c *checker) rows(r *Rows, slots int) (s StepDims) {
	if !c.need("Hist", r.Hist) || !c.need("Out", r.Out) {
		return s
	}
	s.N, s.Slots, s.S = r.Hist.Shape()
	_, m, _ := r.Out.Shape()
	c.shape("Hist", r.Hist, s.N, slots, s.S)
	c.shape("Out", r.Out, 1, m, s.S)
	c.typed("Track", r.Track, F64, 1, s.N, TrackCount)
	c.typed("Status", r.Status, I32, 1, s.N, 1)
	c.typed("Counts", r.Counts, F64, 1, m, 2)
	return s
}

func (c *checker) control(p *StepControl) {
	if p.Group < 1 || !(p.Atol >= 0) || !(p.Rtol >= 0) || p.Curve.Kind > CurveCosine || !(p.Start < p.End || p.Start > p.End) || !(p.Reach >= 0) || p.Reach > 0 && !(p.Floor > 0) {
		c.failf(ErrShape, "control %+v", *p)
	}
}

func (c *checker) tableau(t *Tableau, steps int) {
	if t == nil {
		c.failf(ErrShape, "Tableau is nil")
		return
	}
	n := len(t.B)
	if n < 1 || n > MaxStages || len(t.A) != n || len(t.C) != n || steps < 0 || steps == 0 && len(t.Errors) != n {
		c.failf(ErrShape, "a tableau of %d stages, %d rows, %d times and %d errors, for %d equal steps", n, len(t.A), len(t.C), len(t.Errors), steps)
		return
	}
	for i, row := range t.A {
		if len(row) != i {
			c.failf(ErrShape, "row %d of the tableau has %d numbers", i, len(row))
		}
	}
}

// slopes checks where slopes come from and where they are wanted.
func (c *checker) slopes(f, z, coef Buffer, s StepDims) {
	if !c.need("Z", z) || !c.need("Coef", coef) {
		return
	}
	c.shape("F", f, 1, s.N, s.S)
	c.shape("Z", z, 1, s.N, s.S)
	c.shape("Coef", coef, 1, s.N, CoefCount)
}

// CheckAdamsStep checks the arguments of Stepper.AdamsStep.
func CheckAdamsStep(a *AdamsStep) (StepDims, error) {
	c := checker{op: "AdamsStep"}
	s := c.rows(&a.Rows, AdamsHistory)
	c.control(&a.Control)
	c.slopes(a.F, a.Z, a.Coef, s)
	c.order(a.MaxOrder)
	return s, c.err
}

// CheckRungeKuttaStage checks the arguments of Stepper.RungeKuttaStage.
func CheckRungeKuttaStage(a *RungeKuttaStage) (StepDims, error) {
	c := checker{op: "RungeKuttaStage"}
	c.tableau(a.Tableau, a.Steps)
	if c.err != nil {
		return StepDims{}, c.err
	}
	s := c.rows(&a.Rows, 1+len(a.Tableau.B))
	c.control(&a.Control)
	c.slopes(a.F, a.Z, a.Coef, s)
	if a.Stage < -1 || a.Stage >= len(a.Tableau.B) || (a.F == nil) != (a.Stage == -1) {
		c.failf(ErrShape, "stage %d of %d", a.Stage, len(a.Tableau.B))
	}
	if a.Steps == 0 && !a.Tableau.FSAL {
		c.failf(ErrShape, "a method that is not FSAL without Steps")
	}
	return s, c.err
}

// CheckTrajectories checks the arguments of Trajectories.Trajectories.
func CheckTrajectories(a *Trajectory) (StepDims, MixtureDims, error) {
	c := checker{op: "Trajectories"}
	var m MixtureDims
	c.tableau(a.Tableau, a.Steps)
	if c.err != nil {
		return StepDims{}, m, c.err
	}
	s := c.rows(&a.Rows, 1+len(a.Tableau.B))
	c.control(&a.Control)
	c.flow(&a.MixtureFlow, s, a.Control.Group, a.Tries, &m)
	return s, m, c.err
}

// CheckAdamsTrajectories checks the arguments of Trajectories.AdamsTrajectories.
func CheckAdamsTrajectories(a *AdamsTrajectory) (StepDims, MixtureDims, error) {
	c := checker{op: "AdamsTrajectories"}
	var m MixtureDims
	s := c.rows(&a.Rows, AdamsHistory)
	c.control(&a.Control)
	c.order(a.MaxOrder)
	c.flow(&a.MixtureFlow, s, a.Control.Group, a.Tries, &m)
	return s, m, c.err
}

func (c *checker) order(n int) {
	if n < 1 || n > AdamsOrder {
		c.failf(ErrShape, "MaxOrder %d, want 1 to %d", n, AdamsOrder)
	}
}

func (c *checker) flow(f *MixtureFlow, s StepDims, group, tries int, m *MixtureDims) {
	if f.P != nil && f.P.Mean != nil {
		_, _, m.D = f.P.Mean.Shape()
	}
	c.params(f.P, m)
	want := m.D * (1 + f.Tangents)
	if f.Divergence {
		want++
	}
	if f.Tangents < 0 || tries < 1 || s.S != want || group != m.D {
		c.failf(ErrShape, "%d tries of states of %d numbers, in groups of %d, for %d tangents in %d dimensions", tries, s.S, group, f.Tangents, m.D)
	}
}
