//go:build emu && cgo

package emutest

import (
	"testing"
	"unsafe"

	"monge/kernels/emu"
)

func TestFaultsOnRequest(t *testing.T) {
	const (
		invalid, memory, noDevice, notFound, resources, lost = Status(1), Status(2), Status(100), Status(500), Status(701), Status(999)
	)
	t.Run("no device", func(t *testing.T) {
		emu.Reset()
		defer emu.Reset()
		emu.Set(emu.Faults{NoDevice: true})
		if _, err := Open("right"); err != noDevice {
			t.Error(err)
		}
	})
	t.Run("allocations", func(t *testing.T) {
		c := open(t, "right")
		emu.Set(emu.Faults{Alloc: 2, HostAlloc: 1, Copy: 1, Memory: 1000})
		alloc(t, c, 600)
		if _, err := c.Alloc(100); err != memory {
			t.Error("the second:", err)
		}
		if _, err := c.Alloc(401); err != memory {
			t.Error("more than there is:", err)
		}
		p := alloc(t, c, 400)
		if _, err := c.Pinned(8); err != memory {
			t.Error("pinned:", err)
		}
		if err := c.Fill(p, 0, 1); err != invalid {
			t.Error("a fill:", err)
		}
		if err := c.Fill(p, 0, 1); err != nil {
			t.Error("the next:", err)
		}
	})
	t.Run("launches", func(t *testing.T) {
		c := open(t, "right")
		b := alloc(t, c, 1024)
		run := func() error {
			if err := c.Launch("pass_round", Dim{1, 1, 1}, Dim{256, 1, 1}, 0, Params{B: b}); err != nil {
				return err
			}
			return c.Sync()
		}
		emu.Set(emu.Faults{Launch: 2, Kernel: 2, NoKernel: "votes"})
		for i, want := range []error{nil, resources, launchFailed, launchFailed} {
			if err := run(); err != want {
				t.Errorf("launch %d: %v, want %v", i, err, want)
			}
		}
		if err := c.Launch("votes", Dim{1, 1, 1}, Dim{1, 1, 1}, 0, Params{}); err != launchFailed {
			t.Error(err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		c := open(t, "right")
		emu.Set(emu.Faults{Function: "cuMemAlloc_v2", NoKernel: "votes"})
		if _, err := c.Alloc(8); err != notFound {
			t.Error(err)
		}
		if err := c.Launch("votes", Dim{1, 1, 1}, Dim{1, 1, 1}, 0, Params{}); err != notFound {
			t.Error(err)
		}
	})
	t.Run("lost", func(t *testing.T) {
		c := open(t, "right")
		emu.Set(emu.Faults{Lost: 2})
		p := alloc(t, c, 8)
		if err := c.Free(p); err != lost {
			t.Error(err)
		}
		if err := c.Sync(); err != lost {
			t.Error(err)
		}
	})
}

// Copies to pinned memory happen when they are waited for.
func TestCopiesAreQueued(t *testing.T) {
	c := open(t, "right")
	host, err := c.Pinned(64)
	if err != nil {
		t.Fatal(err)
	}
	p := alloc(t, c, 64)
	if err := c.Fill(p, 7, 16); err != nil {
		t.Fatal(err)
	}
	if err := c.DownloadAsync(host, p, 64); err != nil {
		t.Fatal(err)
	}
	x := (*[16]uint32)(unsafe.Pointer(host))
	if x[0] == 7 {
		t.Error("there before the wait")
	}
	if err := c.Sync(); err != nil || x[0] != 7 || x[15] != 7 {
		t.Error(err, x)
	}
	if err := c.DownloadAsync(host, p+4, 64); err != Status(1) {
		t.Error("a copy past the end:", err)
	}
	if err := c.FreePinned(host); err != nil {
		t.Error(err)
	}
	if err := c.FreePinned(host); err != Status(1) {
		t.Error("a second time:", err)
	}
}

func TestCopy2D(t *testing.T) {
	c := open(t, "right")
	x := make([]uint32, 6*10)
	for i := range x {
		x[i] = uint32(i)
	}
	from, to := upload(t, c, x), alloc(t, c, 6*4*4)
	if err := c.Copy2D(to, 4*4, from+8, 4*10, 3*4, 6); err != nil {
		t.Fatal(err)
	}
	for i, v := range download[uint32](t, c, to, 6*4) {
		want := uint32(i/4*10 + i%4 + 2)
		if i%4 == 3 {
			want = 0xffffffff // fresh memory that nobody wrote
		}
		if v != want {
			t.Errorf("%d: %#x, want %#x", i, v, want)
		}
	}
}

func TestLeaksAreCounted(t *testing.T) {
	c := open(t, "right")
	p := alloc(t, c, 100)
	destroy, err := c.Stream()
	if err != nil {
		t.Fatal(err)
	}
	if ms, err := c.Elapsed(); err != nil || ms < 0 {
		t.Error(ms, err)
	}
	now, orphans := emu.Count()
	if want := (emu.Live{Contexts: 1, Buffers: 1, Bytes: 100, Streams: 1, Modules: 1}); now != want || orphans != (emu.Live{}) {
		t.Errorf("%+v, %+v", now, orphans)
	}
	if err := destroy(); err != nil {
		t.Error(err)
	}
	if err := destroy(); err != Status(400) {
		t.Error("a second time:", err)
	}
	if err := c.Unload(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	now, orphans = emu.Count()
	if want := (emu.Live{Buffers: 1, Bytes: 100}); now != (emu.Live{}) || orphans != want {
		t.Errorf("%+v, %+v", now, orphans)
	}
	if err := c.Free(p); err == nil {
		t.Error("freed after its context's end")
	}
	if c2, err := Open("right"); err != nil {
		t.Fatal(err)
	} else {
		*c = *c2
	}
}
