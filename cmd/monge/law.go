package main

import (
	"math"

	"monge/engine/arrayio"
	"monge/engine/dist"

	"github.com/spf13/cobra"
	"gorgonia.org/tensor"
)

// lawFlags name the distribution whose flow is followed.
type lawFlags struct {
	dist, data string
	bandwidth  float64
}

func (l *lawFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.dist, "dist", "", "distribution: a name (monge sample --list), a name with parameters, or a TOML file")
	f.StringVar(&l.data, "data", "", "data set: the distribution is its rows, smoothed by --bandwidth")
	f.Float64Var(&l.bandwidth, "bandwidth", 0, "standard deviation of the smoothing of --data")
}

// check looks at the flags without opening files.
func (l *lawFlags) check(c *cobra.Command) error {
	switch {
	case l.dist != "" && l.data != "":
		return usagef("--dist %s and --data %s: want one of them", l.dist, l.data)
	case l.data != "" && !c.Flags().Changed("bandwidth"):
		return usagef("--data %s: --bandwidth is needed", l.data)
	case l.data != "" && !positive(l.bandwidth):
		return usagef("--bandwidth %v: want a positive number", l.bandwidth)
	case l.data == "" && c.Flags().Changed("bandwidth"):
		return usagef("--bandwidth %v: it goes with --data only", l.bandwidth)
	}
	return nil
}

// loaded is a law with its name and, for smoothed points, the bandwidth.
type loaded struct {
	law       dist.Distribution
	name      string
	rows      *tensor.Dense // of --data; nil otherwise
	bandwidth float64       // 0 = no smoothed points
}

// load makes the law.
func (l *lawFlags) load(a *app) (*loaded, error) {
	if l.data != "" {
		rows, err := a.points(l.data)
		if err != nil {
			return nil, err
		}
		law, err := dist.NewPoints(rows, nil, l.bandwidth)
		if err != nil {
			return nil, usagef("%s: %w", l.data, err)
		}
		return &loaded{law: law, name: l.data, rows: rows, bandwidth: l.bandwidth}, nil
	}
	return a.law(l.dist)
}

// law makes the distribution that a --dist names.
func (a *app) law(spec string) (*loaded, error) {
	d, err := dist.Load(spec, a.array)
	if err != nil {
		return nil, usage(err)
	}
	for _, w := range d.Warnings {
		a.warn("%s", w)
	}
	l := &loaded{law: d.Law, name: spec}
	if p, ok := d.Law.(*dist.Points); ok {
		l.bandwidth = p.Bandwidth()
	}
	return l, nil
}

// array reads an array that a distribution's file names.
func (a *app) array(path string) (*tensor.Dense, error) {
	arr, err := arrayio.ReadMatrices(path, arrayio.Options{})
	if err != nil {
		return nil, err
	}
	for _, n := range arr.Notes {
		a.warn("%s: %s", path, n)
	}
	return asTensor(arr), nil
}

// bandwidthJSON is the bandwidth, null where the law is no smoothed set of points.
func (l *loaded) bandwidthJSON() number {
	if l.bandwidth == 0 {
		return number(math.NaN())
	}
	return number(l.bandwidth)
}
