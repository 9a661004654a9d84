package auto

import "errors"

// Entry is an engine as `monge engines` shows it.
type Entry struct {
	Name      string // as Open takes it
	Device    string // the processor's or card's own name; empty where there is none
	Memory    int64  // bytes of memory in all; 0 where there is no device
	Available bool
	Reason    string // why it is not available; empty where it is
}

// List returns the engines cpu and cuda, whether usable here or not, and emu in builds that have it.
func List() []Entry { return built().list() }

func (d drivers) list() []Entry {
	var list []Entry
	for _, name := range []string{"cpu", "cuda", "emu"} {
		e, _, err := d.open(name, Options{})
		if m := (*missing)(nil); name == "emu" && errors.As(err, &m) {
			continue // it is for developers: others need not know of it
		}
		entry := Entry{Name: name, Available: err == nil}
		if err != nil {
			entry.Reason = reason(err)
		} else {
			info := e.Info()
			entry.Device, entry.Memory = info.Device, info.Memory
			if err := e.Close(); err != nil {
				entry.Available, entry.Reason = false, err.Error()
			}
		}
		list = append(list, entry)
	}
	return list
}

// reason is the driver's own message: the prefix that open puts before it repeats the entry's name.
func reason(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}
