package cpu

import (
	"testing"

	"monge/engine"
	"monge/engine/enginetest"
)

func TestEngine(t *testing.T) {
	enginetest.RunAll(t, func(t testing.TB) engine.Engine {
		e := New(Options{Threads: 2})
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		return e
	})
}
