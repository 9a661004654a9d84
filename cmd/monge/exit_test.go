package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"testing"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
)

func TestExitCode(t *testing.T) {
	ran := func(err error) error { return &runError{fmt.Errorf("room: %w", err)} }
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("unknown flag"), 2}, // the command line's parser
		{ran(errors.New("device lost")), 1},
		{ran(fs.ErrPermission), 1},
		{ran(&engine.DivergedError{Row: 3}), 1},
		{ran(usagef("--n 0")), 2},
		{ran(&arrayio.InputError{Path: "x.npy", Err: fs.ErrNotExist}), 2},
		{ran(dist.ErrParameters), 2},
		{ran(dist.ErrTail), 2},
		{ran(flow.ErrSettings), 2},
		{ran(ot.ErrWeights), 2},
		{ran(ot.ErrNotFinite), 2},
		{ran(ot.ErrSettings), 2},
		{ran(engine.ErrShape), 2},
		{ran(engine.ErrNoDevice), 2},
		{ran(&engine.MemoryError{What: "plan", Asked: 2, Free: 1}), 2},
		{ran(errNotConverged), 3},
		{ran(context.Canceled), 130},
		{ran(usage(context.Canceled)), 130},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.New("a\nb\r\n\tc\x1b[0m")); got != "a; b;  c [0m" {
		t.Errorf("%q", got)
	}
}

func TestNumbersThatDoNotApplyAreNull(t *testing.T) {
	b, err := marshal(struct {
		A, B, C, D number
		E, F       count
	}{number(math.NaN()), number(math.Inf(1)), number(math.Inf(-1)), 0.1, -1, 0})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "A": null,
  "B": null,
  "C": null,
  "D": 0.1,
  "E": null,
  "F": 0
}
`
	if string(b) != want {
		t.Errorf("%s", b)
	}
}
