package bound_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"math"
	"runtime"
	"testing"

	"monge/engine"
	"monge/engine/bound"
	"monge/engine/dist"
)

// TestTrainSameBits trains twice, with one and with several goroutines.
func TestTrainSameBits(t *testing.T) {
	weights := func(threads int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		n, err := bound.Train(t.Context(), sigmoid(t), isotropic(t, 2, .1), bound.TrainSettings{Rows: 512, Epochs: 2, Average: .9, Ascend: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := n.Save(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(weights(1), weights(4)) {
		t.Error("the weights depend on the count of goroutines")
	}
}

// TestTrainResume takes trainings up from states that were kept on the way, in a file between: they end with the weights of
// one that nobody stopped, and a state of other sizes is refused.
func TestTrainResume(t *testing.T) {
	train := func(s bound.TrainSettings) []byte {
		n, err := bound.Train(t.Context(), sigmoid(t), isotropic(t, 2, .1), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := n.Save(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, average := range []float64{0, .9} {
		s := bound.TrainSettings{Rows: 300, Batch: 64, Epochs: 3, Ascend: 1, Average: average, Hidden: []int{16}} // 300: the last batch is short
		want := train(s)
		var kept [][]byte
		s.Keep = func(state func() *bound.TrainState) {
			var file bytes.Buffer
			if err := gob.NewEncoder(&file).Encode(state()); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, file.Bytes())
		}
		if !bytes.Equal(train(s), want) {
			t.Error("what is kept changes the training")
		}
		if len(kept) != 15 {
			t.Fatalf("kept %d times in 3 epochs of 5 steps", len(kept))
		}
		s.Keep = nil
		for _, at := range []int{0, 3, 5, 7, 14} {
			s.Resume = new(bound.TrainState)
			if err := gob.NewDecoder(bytes.NewReader(kept[at])).Decode(s.Resume); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(train(s), want) {
				t.Errorf("from step %d, average %v: other weights", at, average)
			}
		}
		s.Rows = 301
		if _, err := bound.Train(t.Context(), sigmoid(t), isotropic(t, 2, .1), s, nil); !errors.Is(err, engine.ErrShape) {
			t.Errorf("a state of other rows: %v", err)
		}
	}
}

// TestTrainedBelowTheLine trains from a bad start, in which the loss is maximised, and holds the theorem at every stop:
// the measured distance, less what a cloud shows of equal laws, lies below the bound with the network's own Lipschitz
// constants. At the end the loss is near the floor that no network passes.
func TestTrainedBelowTheLine(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	p, law, e := sigmoid(t), isotropic(t, 2, .1), open(t)
	s := bound.TrainSettings{Rows: 4096, Epochs: 40, Ascend: 2, Every: 8}
	var losses []float64
	_, err := bound.Train(t.Context(), p, law, s, func(epoch, _ int, n *bound.Network) error {
		m, err := n.Model(p)
		if err != nil {
			return err
		}
		r, err := bound.Estimate(t.Context(), e, p, law, bound.Settings{Model: m, Marginal: true, Lipschitz: bound.ByPower, Samples: 1024, Clouds: 512})
		if err != nil {
			return err
		}
		if r.Clouds.Sliced*math.Sqrt2 > r.SDE.Theorem+r.Bias.Exact {
			t.Errorf("epoch %d: sqrt(d) SW2 = %v above %v and the bias %v", epoch, r.Clouds.Sliced*math.Sqrt2, r.SDE.Theorem, r.Bias.Exact)
		}
		if !(r.SDE.Theorem <= r.SDE.Corollary) {
			t.Errorf("epoch %d: theorem %v above corollary %v", epoch, r.SDE.Theorem, r.SDE.Corollary)
		}
		losses = append(losses, r.JDSM/2)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	floor := math.Exp(.95973)
	last := losses[len(losses)-1]
	if !(last > floor && last < 1.03*floor) { // a trained network comes within some hundredths
		t.Errorf("loss %v at the end, want above the floor %v by at most 3 %%; all: %v", last, floor, losses)
	}
}

// TestBlownUp measures a network whose loss was maximised: its samples lie 1e17 away, where costs hold nothing of the data.
func TestBlownUp(t *testing.T) {
	law, err := dist.Moons(256, .05)
	if err != nil {
		t.Fatal(err)
	}
	p := sigmoid(t)
	_, stops, r, err := bound.Trace(t.Context(), open(t), p, law, bound.TrainSettings{Epochs: 4, Ascend: 10, Every: 4, Seed: 2},
		bound.Settings{Marginal: true, Lipschitz: bound.ByPower, Samples: 64, Clouds: 256, Seed: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(stops) != 1 || !(r.Clouds.Exact > 1e6) || !(stops[0].Distance < stops[0].Line) {
		t.Errorf("stops %v, distance %v", stops, r.Clouds.Exact)
	}
}

func TestTrainErrors(t *testing.T) {
	for _, s := range []bound.TrainSettings{
		{Epochs: -1}, {Batch: -3}, {Rows: 1 << 30}, {Rate: -1}, {Rate: math.NaN()}, {Average: 1}, {Ascend: -1}, {Hidden: []int{0}},
	} {
		if _, err := bound.Train(t.Context(), sigmoid(t), isotropic(t, 2, .1), s, nil); !errors.Is(err, bound.ErrUnsupported) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := bound.Train(t.Context(), ddpm(t), isotropic(t, 2, .1), bound.TrainSettings{}, nil); !errors.Is(err, bound.ErrUnsupported) {
		t.Errorf("continuous time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bound.Train(ctx, sigmoid(t), isotropic(t, 2, .1), bound.TrainSettings{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
