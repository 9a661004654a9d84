package main

import (
	"fmt"
	"strings"
	"testing"

	"monge/engine/study"
	"monge/engine/sweep"
)

// TestFailureBlocks: what several runs say is on the page once, with some of their commands; other things beside it, up to
// a number of them.
func TestFailureBlocks(t *testing.T) {
	var failed []failure
	for i := range 14 {
		failed = append(failed, failure{fmt.Sprintf("monge compare --seed=%d", i), failureText("no luck", "noise\nmonge: no luck\n")})
	}
	for i := range 30 {
		failed = append(failed, failure{"monge ot", failureText(fmt.Sprintf("reason %d", i), "")})
	}
	blocks := failureBlocks(failed)
	if len(blocks) != failureKinds+1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	if b := blocks[0]; b.Text != "noise\nmonge: no luck" || strings.Count(b.Caption, "monge compare") != failureCommands || !strings.HasSuffix(b.Caption, "\nand 4 more") {
		t.Errorf("fourteen runs that say the same: %+v", b)
	}
	if last := blocks[failureKinds]; !strings.HasPrefix(last.Caption, "11 more") || last.Text != "" {
		t.Errorf("the rest: %+v", last)
	}
	if got := commandLine([]string{"compare", "--dist=copies:of=my law.toml,m=2"}); got != "monge compare '--dist=copies:of=my law.toml,m=2'" {
		t.Errorf("in a shell: %s", got)
	}
}

// TestMeanText: the interval has two digits, and the mean as many places.
func TestMeanText(t *testing.T) {
	for _, c := range []struct {
		mean, half float64
		n          int
		want       string
	}{
		{.13364, .0039, 5, "0.1336 ± 0.0039"}, {8.786e-4, 9.6e-4, 5, "0.00088 ± 0.00096"}, {3.995e-6, 1.13e-5, 5, "4e-06 ± 1.1e-05"},
		{98.651, .9, 5, "98.65 ± 0.90"}, {0, .5, 2, "0 ± 0.50"}, {1234.5678, 100, 2, "1230 ± 100"}, {2.5, 0, 5, "2.5"}, {1. / 3, 0, 1, "0.3333"},
	} {
		s := sweep.Series{X: []float64{1}, Y: []float64{c.mean}, Low: []float64{c.mean - c.half}, High: []float64{c.mean + c.half}, N: []int{c.n}}
		if got := meanText(s, 0); got != c.want {
			t.Errorf("%v ± %v of %d: %q, want %q", c.mean, c.half, c.n, got, c.want)
		}
	}
}

// TestLogarithmicAxes: places that grow by factors, and values over more than a decade, none of them rounding alone.
func TestLogarithmicAxes(t *testing.T) {
	for _, c := range []struct {
		x, y   []float64
		lx, ly bool
	}{
		{[]float64{1, 4, 16, 64}, []float64{1e-3, 1e-15, 1e-15, 1e-15}, true, false},
		{[]float64{.1, .05, .02, .01, .005}, []float64{1, 2, 3, 4, 5}, true, false},
		{[]float64{1, 2, 3, 4}, []float64{1, 10, 100, 1000}, false, true},
		{[]float64{0, 1, 10}, []float64{-1, 1, 1e3}, false, false},
		{[]float64{1, 2}, []float64{1, 2}, false, false},
	} {
		f := study.Figure{Curves: []study.Curve{{X: c.x, Y: c.y}}}
		if lx, ly := geometric(f), spread(f); lx != c.lx || ly != c.ly {
			t.Errorf("x %v, y %v: logarithmic %v, %v", c.x, c.y, lx, ly)
		}
	}
}
