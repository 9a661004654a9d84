package auto

import (
	"errors"
	"fmt"
)

// Entry is an engine as `monge engines` shows it.
type Entry struct {
	Name      string // as Open takes it
	Device    string // the processor's or card's own name; empty where there is none
	Memory    int64  // bytes of memory in all; 0 where there is no device
	Available bool
	Reason    string // why it is not available; empty where it is
}

// List returns the engine cpu, the engine cuda with its first device and cuda:N with each further one,
// whether usable here or not, and emu in builds that have it.
func List() []Entry { return built().list() }

func (d drivers) list() []Entry {
	cpu, _ := d.opened("cpu")
	list := append([]Entry{cpu}, d.cards()...)
	// The emulation is for developers: others need not know of it.
	if emu, err := d.opened("emu"); !errors.As(err, new(*missing)) {
		list = append(list, emu)
	}
	return list
}

// cards lists the CUDA devices without opening them.
func (d drivers) cards() []Entry {
	devices, err := d.devices()
	if err != nil {
		return []Entry{{Name: "cuda", Reason: err.Error()}}
	}
	var list []Entry
	for i, c := range devices {
		name := "cuda"
		if i > 0 {
			name = fmt.Sprintf("cuda:%d", i)
		}
		list = append(list, Entry{Name: name, Device: c.Name, Memory: c.Memory, Available: c.Reason == "", Reason: c.Reason})
	}
	return list
}

// opened opens an engine to see what it runs on. The error is why it is not available.
func (d drivers) opened(name string) (Entry, error) {
	e, _, err := d.open(name, Options{})
	if err != nil {
		return Entry{Name: name, Reason: reason(err)}, err
	}
	info := e.Info()
	entry := Entry{Name: name, Device: info.Device, Memory: info.Memory, Available: true}
	if err := e.Close(); err != nil {
		entry.Available, entry.Reason = false, err.Error()
	}
	return entry, nil
}

// reason is the driver's own message: the prefix that open puts before it repeats the entry's name.
func reason(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}
