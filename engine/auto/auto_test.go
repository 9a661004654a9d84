package auto

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"monge/engine"
)

func TestOpenCPU(t *testing.T) {
	for _, name := range []string{"cpu", "auto"} {
		e, notice, err := Open(name, Options{Threads: 2, MaxMemory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		info := e.Info()
		if info.Name != "cpu" || info.Threads != 2 || info.Free > 1<<20 || notice != "" {
			t.Errorf("%s: %+v, notice %q", name, info, notice)
		}
		var m *engine.MemoryError
		if _, err := e.Alloc(engine.F64, 1, 1<<18, 1); !errors.As(err, &m) {
			t.Errorf("%s: 2 MiB of 1 MiB: %v", name, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenWithoutDevice(t *testing.T) {
	for name, want := range map[string]string{
		"cuda":   "auto: engine cuda: this build has no CUDA support",
		"cuda:1": "auto: engine cuda:1: this build has no CUDA support",
		"emu":    "auto: engine emu: this build has no emulated device",
	} {
		e, notice, err := Open(name, Options{})
		if e != nil || notice != "" || err == nil || err.Error() != want || !errors.Is(err, engine.ErrNoDevice) {
			t.Errorf("%s: %v, notice %q, error %v", name, e, notice, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, name := range []string{"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:1.5", "cuda:99999999999999999999", "cpu:0", " cpu"} {
		_, _, err := Open(name, Options{})
		if err == nil || errors.Is(err, engine.ErrNoDevice) || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%q: error %v", name, err)
		}
	}
	for _, o := range []Options{{Threads: -1}, {MaxMemory: -5}} {
		if _, _, err := Open("cpu", o); err == nil || !strings.Contains(err.Error(), "-") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

// card is a device that exists on paper.
type card struct {
	engine.Engine
	device int
}

func (c card) Info() engine.Info {
	return engine.Info{Name: "cuda", Device: fmt.Sprint("card ", c.device), Memory: 1 << 30}
}
func (card) Close() error { return nil }

func TestDeviceIsPreferred(t *testing.T) {
	d := built()
	d.cuda = func(device int, _ Options) (engine.Engine, error) { return card{device: device}, nil }
	for name, want := range map[string]string{"auto": "card 0", "cuda": "card 0", "cuda:3": "card 3"} {
		e, notice, err := d.open(name, Options{})
		if err != nil || notice != "" || e.Info().Device != want {
			t.Errorf("%s: %v, notice %q, error %v", name, e, notice, err)
		}
	}
	list := d.list()
	if len(list) != 2 || list[1] != (Entry{Name: "cuda", Device: "card 0", Memory: 1 << 30, Available: true}) {
		t.Errorf("%+v", list)
	}
}

// A build with CUDA on a machine without: auto says why it falls back, cuda fails.
func TestDeviceIsLost(t *testing.T) {
	d := built()
	d.cuda = func(int, Options) (engine.Engine, error) {
		return nil, fmt.Errorf("gpu: no driver: %w", engine.ErrNoDevice)
	}
	e, notice, err := d.open("auto", Options{})
	if err != nil || e.Info().Name != "cpu" || !strings.Contains(notice, "no driver") {
		t.Errorf("auto: notice %q, error %v", notice, err)
	}
	if _, _, err := d.open("cuda", Options{}); !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("cuda: error %v", err)
	}
	if list := d.list(); list[1].Available || !strings.Contains(list[1].Reason, "no driver") {
		t.Errorf("%+v", list)
	}
}

func TestList(t *testing.T) {
	list := List()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	if c := list[0]; c.Name != "cpu" || !c.Available || c.Reason != "" || c.Device == "" || c.Memory <= 0 {
		t.Errorf("%+v", c)
	}
	if c := list[1]; c != (Entry{Name: "cuda", Reason: "this build has no CUDA support"}) {
		t.Errorf("%+v", c)
	}
}
