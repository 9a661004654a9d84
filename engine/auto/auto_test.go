package auto

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"monge/engine"
	"monge/gpu"
)

// plain is a build without devices, whatever this one has.
func plain() drivers {
	d := built()
	d.cuda = func(int, Options) (engine.Engine, error) { return nil, &missing{"CUDA support"} }
	d.emu = func(Options) (engine.Engine, error) { return nil, &missing{"emulated device"} }
	d.devices = func() ([]gpu.Device, error) { return nil, &missing{"CUDA support"} }
	return d
}

func TestOpenCPU(t *testing.T) {
	for _, name := range []string{"cpu", "auto"} {
		e, notice, err := plain().open(name, Options{Threads: 2, MaxMemory: 1 << 20})
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
		e, notice, err := plain().open(name, Options{})
		if e != nil || notice != "" || err == nil || err.Error() != want || !errors.Is(err, engine.ErrNoDevice) {
			t.Errorf("%s: %v, notice %q, error %v", name, e, notice, err)
		}
	}
}

// TestBuild: every engine opens that the build has and the machine lists; the others say why not, and
// what auto opens is never an error.
func TestBuild(t *testing.T) {
	entries := map[string]Entry{}
	for _, entry := range List() {
		entries[entry.Name] = entry
		if entry.Available == (entry.Reason != "") || entry.Available && (entry.Device == "" || entry.Memory <= 0) {
			t.Errorf("%+v", entry)
		}
		e, notice, err := Open(entry.Name, Options{})
		if (err == nil) != entry.Available || notice != "" {
			t.Errorf("%+v: notice %q, error %v", entry, notice, err)
		}
		if err == nil {
			if i := e.Info(); i.Device != entry.Device || !strings.HasPrefix(entry.Name, i.Name) {
				t.Errorf("%+v opens %+v", entry, i)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, engine.ErrNoDevice) {
			t.Errorf("%+v: error %v", entry, err)
		}
	}
	if _, ok := entries["emu"]; ok != (gpu.Kind == "emu") {
		t.Errorf("emu is listed: %v, in a build for %q", ok, gpu.Kind)
	}
	if e := entries["emu"]; gpu.Kind == "emu" && !e.Available {
		t.Errorf("%+v", e)
	}
	if e := entries["cuda"]; gpu.Kind != "cuda" && e != (Entry{Name: "cuda", Reason: "this build has no CUDA support"}) {
		t.Errorf("%+v", e)
	}
	e, notice, err := Open("auto", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want, why := "cpu", ""
	if gpu.Kind == "cuda" {
		if c := entries["cuda"]; c.Available {
			want = "cuda"
		} else {
			why = "CUDA is not used: " + c.Reason
		}
	}
	if got := e.Info().Name; got != want || notice != why {
		t.Errorf("auto opens %s, notice %q; want %s, %q", got, notice, want, why)
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
	d := plain()
	d.cuda = func(device int, _ Options) (engine.Engine, error) { return card{device: device}, nil }
	for name, want := range map[string]string{"auto": "card 0", "cuda": "card 0", "cuda:3": "card 3"} {
		e, notice, err := d.open(name, Options{})
		if err != nil || notice != "" || e.Info().Device != want {
			t.Errorf("%s: %v, notice %q, error %v", name, e, notice, err)
		}
	}
}

// auto passes over devices that do not open, and says why of the first.
func TestNextDevice(t *testing.T) {
	d := plain()
	d.devices = func() ([]gpu.Device, error) { return make([]gpu.Device, 3), nil }
	for usable, want := range []string{"card 0", "card 1", "card 2", ""} {
		d.cuda = func(device int, _ Options) (engine.Engine, error) {
			if device != usable {
				return nil, fmt.Errorf("gpu: device %d is busy", device)
			}
			return card{device: device}, nil
		}
		e, notice, err := d.open("auto", Options{})
		if err != nil {
			t.Fatal(err)
		}
		say := ""
		switch usable {
		case 0:
		case 3:
			want, say = plain().cpu(Options{}).Info().Device, "CUDA is not used: gpu: device 0 is busy"
		default:
			say = fmt.Sprintf("CUDA device %d is used: gpu: device 0 is busy", usable)
		}
		if e.Info().Device != want || notice != say {
			t.Errorf("device %d is usable: auto opens %s, notice %q", usable, e.Info().Device, notice)
		}
	}
	d.cuda = func(int, Options) (engine.Engine, error) { return nil, engine.ErrNoDevice }
	if _, _, err := d.open("cuda", Options{}); !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("cuda means device 0: error %v", err)
	}
}

func TestListDevices(t *testing.T) {
	d := plain()
	d.devices = func() ([]gpu.Device, error) {
		return []gpu.Device{{Name: "card 0", Memory: 1 << 30}, {Name: "card 1", Memory: 1 << 20, Reason: "too old"}}, nil
	}
	want := []Entry{
		{Name: "cuda", Device: "card 0", Memory: 1 << 30, Available: true},
		{Name: "cuda:1", Device: "card 1", Memory: 1 << 20, Reason: "too old"},
	}
	if list := d.list(); list[0].Name != "cpu" || !slices.Equal(list[1:], want) {
		t.Errorf("%+v", list)
	}
}

// A build with CUDA on a machine without: auto says why it falls back, cuda fails.
func TestDeviceIsLost(t *testing.T) {
	d := plain()
	lost := fmt.Errorf("gpu: no driver: %w", engine.ErrNoDevice)
	d.cuda = func(int, Options) (engine.Engine, error) { return nil, lost }
	d.devices = func() ([]gpu.Device, error) { return nil, lost }
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
	list := plain().list()
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
