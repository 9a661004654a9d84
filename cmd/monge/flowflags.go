package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"monge/engine/flow"
	"monge/engine/schedule"

	"github.com/spf13/cobra"
)

// flowFlags are the flags of commands that integrate the flow.
type flowFlags struct {
	tau              string
	method, schedule string
	rtol, atol       float64
	steps            int

	horizon float64 // tau; 0 = the limit
}

func (f *flowFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.tau, "tau", "limit", "horizon: limit, or a number, alpha = exp(-tau)")
	fl.StringVar(&f.method, "method", "adams", "integrator: "+strings.Join(flow.Methods(), ", "))
	fl.StringVar(&f.schedule, "schedule", "trig", "path of integration: "+strings.Join(schedule.Names(), ", "))
	fl.Float64Var(&f.rtol, "rtol", 1e-8, "relative tolerance of a sample")
	fl.Float64Var(&f.atol, "atol", 1e-8, "absolute tolerance of a sample")
	fl.IntVar(&f.steps, "steps", 0, "equal steps in the path's variable, without error control")
}

// settings checks the flags and makes the flow's settings of them.
func (f *flowFlags) settings(c *cobra.Command) (flow.Settings, error) {
	var s flow.Settings
	if !slices.Contains(flow.Methods(), f.method) {
		return s, usagef("--method %q: want %s", f.method, strings.Join(flow.Methods(), ", "))
	}
	if !slices.Contains(schedule.Names(), f.schedule) {
		return s, usagef("--schedule %q: want %s", f.schedule, strings.Join(schedule.Names(), ", "))
	}
	path, err := schedule.ByName(f.schedule)
	if err != nil {
		return s, usage(err)
	}
	if f.tau != "limit" {
		if f.horizon, err = strconv.ParseFloat(f.tau, 64); err != nil || !positive(f.horizon) {
			return s, usagef("--tau %q: want limit or a positive number", f.tau)
		}
	}
	for _, t := range []struct {
		name  string
		value float64
	}{{"rtol", f.rtol}, {"atol", f.atol}} {
		if !positive(t.value) {
			return s, usagef("--%s %v: want a positive number", t.name, t.value)
		}
	}
	adaptive := f.method == "adams" || f.method == "dopri5" || f.method == "heun"
	given := c.Flags().Changed("steps")
	switch {
	case given && f.steps <= 0:
		return s, usagef("--steps %d: want a positive number", f.steps)
	case given && f.method == "adams":
		return s, usagef("--steps %d: --method adams chooses its own steps", f.steps)
	case !given && !adaptive:
		return s, usagef("--method %s has no error control: --steps is needed", f.method)
	}
	return flow.Settings{Method: f.method, Path: path, Tau: f.horizon, Rtol: f.rtol, Atol: f.atol, Steps: f.steps}, nil
}

// tauJSON is the horizon, null for the limit.
func (f *flowFlags) tauJSON() number {
	if f.horizon == 0 {
		return number(math.NaN())
	}
	return number(f.horizon)
}

// positive says whether v is a positive finite number.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
