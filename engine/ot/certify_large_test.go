package ot_test

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// peak returns the most bytes of live and dead objects on the heap while f runs, seen every millisecond.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // little that is dead
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	stop := make(chan struct{})
	var most uint64
	var g sync.WaitGroup
	g.Go(func() {
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	f()
	close(stop)
	g.Wait()
	return most
}

// Images of 256 x 256 x 3: the bracket closes, and the only n x d arrays beside the clouds are their float32
// copies on the engine.
func TestCertifyImages(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a gigabyte")
	}
	const n, d = 200, 196608
	x, y := make([]float64, n*d), make([]float64, n*d)
	state := uint64(1)
	for i := range x {
		state = state*6364136223846793005 + 1442695040888963407
		x[i] = float64(state>>40)/(1<<24) + 5 // offset images, as pixels are
		y[i] = (x[i] - 5.5) * (1 + float64(i%d%7))
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	var r *ot.Certificate
	most := peak(func() {
		var err error
		r, err = ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Engine: e})
		if err != nil {
			t.Fatal(err)
		}
	})
	if !r.CertifiedOptimal || r.RelativeUpper > 1e-10 || !(r.SlackMargin > 0) {
		t.Errorf("relative upper %g, slack %g: %s", r.RelativeUpper, r.SlackMargin, r.Note)
	}
	const (
		clouds = 2 * 8 * n * d // the caller's
		copies = clouds / 2
		// Panels: a call's rows, packed keys of each goroutine and what garbage collection at 5 % leaves.
		panels = 32<<20 + (clouds+copies)/20
	)
	t.Logf("peak %d MiB of %d MiB of clouds, %.2g s: %s", most>>20, clouds>>20, r.Seconds, r.Note)
	if limit := uint64(clouds + copies + panels); most > limit {
		t.Errorf("peak %d bytes, more than %d", most, limit)
	}
}
