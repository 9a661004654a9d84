// Package auto opens engines by name, for command lines: it knows which engines the build has, and says
// why one cannot be used.
package auto

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"monge/cpu"
	"monge/engine"
	"monge/gpu"
)

// Options are given to whichever engine is opened. The zero value is the default.
type Options struct {
	Threads   int   // goroutines of the cpu engine; 0 = GOMAXPROCS
	MaxMemory int64 // bytes that buffers may take together; 0 = what the device has free
}

// Open opens the engine that name names:
//
//	auto     the first CUDA device that can be opened, else cpu
//	cpu      the host's processor
//	cuda     CUDA device 0
//	cuda:N   CUDA device N
//	emu      the CUDA kernels emulated on the processor, in builds that have them
//
// notice says, where auto had to pass over CUDA devices, why; it is empty otherwise, also in a build
// without CUDA support. A device that the build or the machine does not have is an error that wraps
// engine.ErrNoDevice; an unknown name or negative option is an error that names the value.
func Open(name string, o Options) (e engine.Engine, notice string, err error) {
	return built().open(name, o)
}

// drivers are the ways to open an engine that a build has, and to list its devices.
type drivers struct {
	cpu     func(o Options) engine.Engine
	cuda    func(device int, o Options) (engine.Engine, error)
	emu     func(o Options) (engine.Engine, error)
	devices func() ([]gpu.Device, error)
}

// built returns the drivers of this build.
func built() drivers {
	d := drivers{
		cpu:     func(o Options) engine.Engine { return cpu.New(cpu.Options{Threads: o.Threads, MaxMemory: o.MaxMemory}) },
		cuda:    func(int, Options) (engine.Engine, error) { return nil, &missing{"CUDA support"} },
		emu:     func(Options) (engine.Engine, error) { return nil, &missing{"emulated device"} },
		devices: func() ([]gpu.Device, error) { return nil, &missing{"CUDA support"} },
	}
	open := func(device int, o Options) (engine.Engine, error) {
		e, err := gpu.Open(gpu.Options{Device: device, MaxMemory: o.MaxMemory})
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	switch gpu.Kind {
	case "cuda":
		d.cuda, d.devices = open, gpu.Devices
	case "emu":
		d.emu = func(o Options) (engine.Engine, error) { return open(0, o) }
	}
	return d
}

// missing is the error of a driver that the build does not have, as opposed to a device that the machine
// does not. It wraps engine.ErrNoDevice.
type missing struct{ what string }

func (m *missing) Error() string { return "this build has no " + m.what }
func (m *missing) Unwrap() error { return engine.ErrNoDevice }

func (d drivers) open(name string, o Options) (e engine.Engine, notice string, err error) {
	if o.Threads < 0 {
		return nil, "", fmt.Errorf("auto: %d threads: want 0 or more", o.Threads)
	}
	if o.MaxMemory < 0 {
		return nil, "", fmt.Errorf("auto: %d bytes of memory: want 0 or more", o.MaxMemory)
	}
	kind, device, err := parse(name)
	if err != nil {
		return nil, "", err
	}
	switch kind {
	case "cpu":
		return d.cpu(o), "", nil
	case "cuda":
		e, err = d.cuda(device, o)
	case "emu":
		e, err = d.emu(o)
	default:
		e, notice = d.first(o)
		return e, notice, nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("auto: engine %s: %w", name, err)
	}
	return e, "", nil
}

// first opens the first CUDA device that can be opened, else the cpu.
func (d drivers) first(o Options) (e engine.Engine, notice string) {
	e, err := d.cuda(0, o)
	if err == nil {
		return e, ""
	}
	devices, _ := d.devices() // what it says against them, cuda has said
	for i := 1; i < len(devices); i++ {
		if e, refused := d.cuda(i, o); refused == nil {
			return e, fmt.Sprintf("CUDA device %d is used: %v", i, err)
		}
	}
	if m := (*missing)(nil); !errors.As(err, &m) {
		notice = fmt.Sprintf("CUDA is not used: %v", err)
	}
	return d.cpu(o), notice
}

// parse splits a name into the kind of engine and the device's number.
func parse(name string) (kind string, device int, err error) {
	switch name {
	case "auto", "cpu", "cuda", "emu":
		return name, 0, nil
	}
	number, ok := strings.CutPrefix(name, "cuda:")
	if !ok {
		return "", 0, fmt.Errorf("auto: unknown engine %q: want auto, cpu, cuda, cuda:N or emu", name)
	}
	device, err = strconv.Atoi(number)
	if err != nil || device < 0 || number[0] == '+' {
		return "", 0, fmt.Errorf("auto: engine %q: want cuda:N with a device number N", name)
	}
	return "cuda", device, nil
}
