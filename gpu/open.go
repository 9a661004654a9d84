//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"fmt"
	"runtime"

	"monge/engine"

	"gorgonia.org/cu"
)

// Engine implements [engine.Engine]. Use it from one goroutine at a time.
type Engine struct {
	device     cu.Device
	name       string
	memory     int64  // bytes of the device
	capability int    // times ten
	workers    int64  // blocks that a launch of any size is given at most
	panelBytes int64  // of exponentials of a panel of Sinkhorn's method, as long as that is enough for the fewest rows
	groups     bool   // log-sum-exp and maxima multiply by warpgroups
	groupMeans bool   // means do
	scalar     bool   // float32 goes without the tensor cores, which are held to it
	without    string // what goes without warpgroups and why, where the device has them

	ctx     cu.CUContext
	stream  cu.Stream
	code    code
	pool    pool
	stage   stage
	tensors *Tensors // nil until asked for

	op     operation // the operation that was queued last
	broken error     // why the device cannot go on
	closed bool
}

var _ engine.Engine = (*Engine)(nil)

// The oldest that the kernels are compiled for.
const (
	leastCapability = 80    // times ten
	leastDriver     = 12000 // CUDA 12.0, of drivers from 525 on
)

// blocksPerProcessor is how many blocks of a launch of any size a multiprocessor is given.
const blocksPerProcessor = 16

// Open returns an engine on a device. It returns an error that wraps engine.ErrNoDevice where there is no
// driver, no such device, or one that the kernels do not run on. It panics on negative options.
func Open(o Options) (*Engine, error) {
	if o.Device < 0 || o.MaxMemory < 0 {
		panic(fmt.Sprintf("gpu: device %d, %d bytes of memory", o.Device, o.MaxMemory))
	}
	list, err := Devices()
	if err != nil {
		return nil, err
	}
	if o.Device >= len(list) {
		return nil, fmt.Errorf("gpu: device %d of %d: %w", o.Device, len(list), engine.ErrNoDevice)
	}
	d := list[o.Device]
	if d.Reason != "" {
		return nil, fmt.Errorf("gpu: device %d (%s): %s: %w", o.Device, d.Name, d.Reason, engine.ErrNoDevice)
	}
	e, err := begin(d, o)
	if err != nil || e.capability != groupCapability {
		return e, err
	}
	groups, means, without := e.tryGroups()
	if e.broken != nil { // by the trial: its context is given up with it
		_ = e.stop()
		if e, err = begin(d, o); err != nil {
			return nil, err
		}
	}
	e.groups, e.groupMeans, e.without = groups, means, without
	return e, nil
}

// begin returns an engine on a device that was described.
func begin(d Device, o Options) (*Engine, error) {
	e := &Engine{name: d.Name, memory: d.Memory}
	if err := e.start(o); err != nil {
		return nil, fmt.Errorf("gpu: device %d (%s): %w", o.Device, d.Name, errors.Join(err, e.stop()))
	}
	return e, nil
}

// start makes what an engine needs; stop gives back whatever start came to.
func (e *Engine) start(o Options) (err error) {
	if e.device, err = cu.GetDevice(o.Device); err != nil {
		return check(err)
	}
	if e.capability, err = capability(e.device); err != nil {
		return check(err)
	}
	processors, err := e.device.Attribute(cu.MultiprocessorCount)
	if err != nil {
		return check(err)
	}
	e.workers = int64(max(1, processors)) * blocksPerProcessor
	e.panelBytes = panelBytes
	if e.ctx, err = e.device.RetainPrimaryCtx(); err != nil {
		return fmt.Errorf("context: %w", check(err))
	}
	leave, err := e.current()
	if err != nil {
		return err
	}
	defer leave()
	if e.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return fmt.Errorf("stream: %w", check(err))
	}
	e.pool.limit = e.memory
	if o.MaxMemory != 0 {
		e.pool.limit = min(e.memory, o.MaxMemory)
	}
	return e.stage.start(e)
}

// current makes the engine's context current on a thread that the goroutine keeps until leave.
func (e *Engine) current() (leave func(), err error) {
	runtime.LockOSThread()
	if err := cu.SetCurrentContext(e.ctx); err != nil {
		runtime.UnlockOSThread()
		return nil, check(err)
	}
	return runtime.UnlockOSThread, nil
}

// Info implements engine.Engine. Free is 0 on a device that has failed. Device says so where a card has warpgroup
// instructions that were tried and are not used.
func (e *Engine) Info() engine.Info {
	i := engine.Info{Name: Kind, Device: e.name, Memory: e.memory}
	if e.without != "" {
		i.Device += " without " + e.without
	}
	if leave, err := e.enter(operation{name: "Info"}, nil); err == nil {
		defer leave()
		i.Free = e.freeBytes()
	}
	return i
}

// Sync implements engine.Engine.
func (e *Engine) Sync() error {
	leave, err := e.enter(operation{name: "Sync"}, nil)
	if err != nil {
		return err
	}
	defer leave()
	return e.wait()
}

// Close implements engine.Engine. Buffers are invalid afterwards. On a device that has failed it gives
// back what it can and returns the failure.
func (e *Engine) Close() error {
	if e.closed {
		return nil
	}
	var errs []error
	if e.broken != nil {
		errs = append(errs, e.broken)
	} else {
		errs = append(errs, e.Sync())
	}
	if err := e.stop(); err != nil && e.broken == nil {
		errs = append(errs, fmt.Errorf("gpu: Close: %w", err))
	}
	return errors.Join(errs...)
}

// stop gives everything back; each step is taken whatever became of the others.
func (e *Engine) stop() error {
	e.closed = true
	if e.ctx == (cu.CUContext{}) {
		return nil
	}
	var errs []error
	if leave, err := e.current(); err != nil {
		errs = append(errs, err)
	} else {
		defer leave()
		errs = append(errs, e.stage.stop(), e.code.stop(), e.pool.stop())
		if e.stream != (cu.Stream{}) {
			errs = append(errs, check(e.stream.Destroy()))
		}
	}
	errs = append(errs, check(e.device.ReleasePrimaryCtx()))
	e.ctx = cu.CUContext{}
	return errors.Join(errs...)
}

// Devices lists the driver's devices. Where it starts, but has none, or does not start, the error says so
// and wraps engine.ErrNoDevice.
func Devices() ([]Device, error) {
	if err := loadDriver(); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("gpu: count of devices: %w: %w", check(err), engine.ErrNoDevice)
	}
	if n == 0 {
		return nil, fmt.Errorf("gpu: the driver lists no device: %w", engine.ErrNoDevice)
	}
	list := make([]Device, n)
	for i := range list {
		d := &list[i]
		if err := d.describe(i); err != nil && d.Reason == "" {
			d.Reason = check(err).Error()
		}
	}
	return list, nil
}

// capability returns a device's compute capability, times ten.
func capability(device cu.Device) (int, error) {
	major, err := device.Attribute(cu.ComputeCapabilityMajor)
	if err != nil {
		return 0, err
	}
	minor, err := device.Attribute(cu.ComputeCapabilityMinor)
	return 10*major + minor, err
}

func (d *Device) describe(number int) error {
	device, err := cu.GetDevice(number)
	if err != nil {
		return err
	}
	if d.Name, err = device.Name(); err != nil {
		return err
	}
	if d.Memory, err = device.TotalMem(); err != nil {
		return err
	}
	c, err := capability(device)
	if err != nil {
		return err
	}
	if c < leastCapability {
		d.Reason = fmt.Sprintf("compute capability %d.%d, want %d.%d or later", c/10, c%10, leastCapability/10, leastCapability%10)
	} else if v := cu.Version(); v < leastDriver {
		d.Reason = fmt.Sprintf("the driver is for CUDA %d.%d, want %d.%d or later", v/1000, v%1000/10, leastDriver/1000, leastDriver%1000/10)
	}
	return nil
}
