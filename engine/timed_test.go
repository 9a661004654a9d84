package engine_test

import (
	"errors"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
)

// The host's clock stands in on an engine without one of its own.
func TestTime(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	d, err := engine.Time(e, func() error { time.Sleep(2 * time.Millisecond); return nil })
	if err != nil || d < 2*time.Millisecond {
		t.Errorf("%v, error %v", d, err)
	}
	want := errors.New("mine")
	if d, err := engine.Time(e, func() error { return want }); d != 0 || err != want {
		t.Errorf("%v, error %v", d, err)
	}
}
