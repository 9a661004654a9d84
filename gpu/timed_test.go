//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"testing"
	"time"

	"monge/engine"
)

// TestTime: what ran before does not count, what runs inside does, within the host's time for it all.
func TestTime(t *testing.T) {
	e := open(t, Options{})
	const n = 1 << 12
	x := array(t, e, engine.F64, 1, n, 1, make([]float64, n))
	work := func(times int) func() error {
		return func() error {
			for range times {
				if err := e.Axpby(x, 2, x, 0, nil); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := work(20)(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	one, err := engine.Time(e, work(20))
	if all := time.Since(start); err != nil || one <= 0 || one > all {
		t.Errorf("%v of %v, error %v", one, all, err)
	}
	if none, err := engine.Time(e, func() error { return nil }); err != nil || none < 0 || none > one {
		t.Errorf("nothing takes %v, and 20 launches %v, error %v", none, one, err)
	}
	want := errors.New("mine")
	if d, err := e.Time(func() error { return want }); d != 0 || err != want {
		t.Errorf("%v, error %v", d, err)
	}
	if err := e.Sync(); err != nil {
		t.Error(err)
	}
}
