//go:build emu && cgo

package emutest

import (
	"regexp"
	"runtime"
	"testing"
	"unsafe"

	"monge/kernels/emu"
)

const (
	illegalAddress     = Status(700)
	illegalInstruction = Status(715)
	misalignedAddress  = Status(716)
	launchFailed       = Status(719)
)

// group finds what is said of warpgroups, which only a device of compute capability 9.0 has.
var group = regexp.MustCompile(`wgmma`)

// Every mistake is found, named with its place, and stays with the context.
func TestMistakes(t *testing.T) {
	const n = 100
	for _, m := range []struct {
		kernel string
		status Status
		text   string // of the fault, after the kernel's name
	}{
		{"past_the_end", illegalAddress, `block \(0, 0, 0\), thread \(100, 0, 0\): writes 4 bytes at offset 400 of a buffer of 400 bytes`},
		{"before_the_start", illegalAddress, `thread \(3, 0, 0\): writes 4 bytes at`},
		{"after_free", illegalAddress, `thread \(0, 0, 0\): reads 4 bytes at offset 0 of a freed buffer of 400 bytes`},
		{"null_pointer", illegalAddress, `reads 4 bytes at 0, which is no device memory`},
		{"host_memory", illegalAddress, `reads 4 bytes at 0x[0-9a-f]+, which is no device memory`},
		{"misaligned", misalignedAddress, `no multiple of 8`},
		{"early_return", launchFailed, `thread \(0, 0, 0\): waits at the barrier at .*wrong.cu:\d+, which 40 of 128 threads have reached; thread \(40, 0, 0\) has returned`},
		{"two_barriers", launchFailed, `thread \(64, 0, 0\): comes to the barrier at .*:\d+ while others wait at the one at`},
		{"lost_lane", launchFailed, `thread \(0, 0, 0\): waits at the barrier at .*, which 1 of 128 threads have reached; thread \(1, 0, 0\) waits at`},
		{"not_in_mask", launchFailed, `thread \(5, 0, 0\): calls a vote at .* with the mask 0xffffffdf, which its lane 5 is not in`},
		{"absent_lane", launchFailed, `thread \(0, 0, 0\): reads lane 16 in the shuffle at .*, in which that lane has no part`},
		{"unwritten", launchFailed, `thread \(77, 0, 0\): reads what nobody wrote, at offset 308 of the shared array s`},
		{"left_over", launchFailed, `block \(1, 0, 0\), thread .*: reads what nobody wrote`},
		{"past_shared", illegalAddress, `reads 4 bytes at offset \d+ of the shared array s of 1024 bytes`},
		{"past_index", illegalAddress, `uses index 256 past the end of an array at`},
		{"read_race", launchFailed, `races with thread \(\d+, 0, 0\)`},
		{"write_race", launchFailed, `races with thread \(\d+, 0, 0\): (reads|writes) offset \d+ of the shared array s that the other (wrote|read), with no barrier between`},
		{"warp_race", launchFailed, `races with thread \(\d+, 0, 0\)`},
		{"shuffle_race", launchFailed, `races with thread \(\d+, 0, 0\)`},
		{"atomic_race", launchFailed, `races with thread \(\d+, 0, 0\)`},
		{"too_much_shared", launchFailed, `declares 65536 bytes of shared memory; 49152 is the limit`},
		{"unawaited", launchFailed, `reads shared memory while the cp.async of thread \(\d+, 0, 0\) to it is on its way: no wait covers it`},
		{"early_copy", launchFailed, `races with thread \(\d+, 0, 0\)`},
		{"half_warp", launchFailed, `comes to mma at .*wrong.cu:\d+ with the lanes 0xffff alone`},
		{"past_matrix", illegalAddress, `reads 16 bytes at offset \d+ of the shared array s of 4096 bytes`},
		{"global_matrix", illegalAddress, `gives ldmatrix at .*wrong.cu:\d+ the address 0x[0-9a-f]+, which is no shared memory`},
		{"early_sum", launchFailed, `reads an accumulator of the wgmma at .*wrong.cu:\d+, which no wait covers`},
		{"pending_sum", launchFailed, `reads an accumulator of the wgmma at .*wrong.cu:\d+, which no wait covers`},
		{"uncommitted_sum", launchFailed, `reads an accumulator of the wgmma at .*wrong.cu:\d+, which no wait covers`},
		{"forgotten_sum", launchFailed, `ends with a wgmma on its way`},
		{"early_store", launchFailed, `thread \(5, 0, 0\): writes shared memory that a wgmma reads, which no wait covers`},
		{"early_factor", launchFailed, `writes a factor of the wgmma at .*wrong.cu:\d+, which no wait covers`},
		{"early_refill", launchFailed, `writes shared memory that a wgmma reads, which no wait covers`},
		{"own_wait", launchFailed, `(races with thread \(\d+, 0, 0\): writes|writes shared memory that a wgmma reads)`},
		{"no_proxy_fence", launchFailed, `reads by wgmma at .*wrong.cu:\d+ what thread \(\d+, 0, 0\) wrote to shared memory with no fence.proxy.async since`},
		{"early_proxy_fence", launchFailed, `reads by wgmma at .*wrong.cu:\d+ what thread \(\d+, 0, 0\) wrote to shared memory with no fence.proxy.async since`},
		{"no_barrier", launchFailed, `races with thread \(\d+, 0, 0\): reads`},
		{"no_group_fence", launchFailed, `comes to wgmma at .*wrong.cu:\d+ with no wgmma.fence since it had the accumulators`},
		{"three_warps", launchFailed, `thread \(64, 0, 0\): has come to 0 wgmmas, and the first warp of its warpgroup to 1`},
		{"small_group", launchFailed, `comes to wgmma at .*wrong.cu:\d+ in a warpgroup that lacks warps`},
		{"two_factors", launchFailed, `comes to wgmma at .*wrong.cu:\d+ with another descriptor than another lane`},
		{"past_factor", illegalAddress, `reads 16 bytes at offset \d+ of the shared array dynamic of 6144 bytes`},
		{"odd_descriptor", launchFailed, `gives wgmma at .*wrong.cu:\d+ the descriptor 0x[0-9a-f]+, with a base offset or bits that mean nothing`},
		{"trapped", illegalInstruction, `thread \(9, 0, 0\): traps at .*wrong.cu:\d+`},
	} {
		t.Run(m.kernel, func(t *testing.T) {
			c := open(t, "wrong")
			p := Params{A: alloc(t, c, 4*n), B: alloc(t, c, 4*256), N: 40}
			block, dynamic := uint32(128), 0
			var host [4]float32
			var pin runtime.Pinner
			defer pin.Unpin()
			if group.MatchString(m.text) || m.kernel == "own_wait" || m.kernel == "no_barrier" || m.kernel == "past_factor" {
				emu.Set(emu.Faults{Capability: 90})
				dynamic = 6144
			}
			switch m.kernel {
			case "small_group":
				block = 96
			case "past_the_end":
			case "after_free":
				if err := c.Free(p.A); err != nil {
					t.Fatal(err)
				}
			case "null_pointer":
				p.N = 0
			case "host_memory":
				pin.Pin(&host)
				p.N = int64(uintptr(unsafe.Pointer(&host)))
			case "past_shared", "past_index", "past_matrix":
				p.A, p.N, block = p.B, 1, 256
			case "unawaited", "early_copy", "global_matrix":
				block = 256
			default:
				p.A = p.B
				if m.kernel == "unwritten" || m.kernel == "left_over" || m.kernel == "read_race" || m.kernel == "write_race" || m.kernel == "shuffle_race" || m.kernel == "warp_race" {
					block = 256
				}
			}
			if err := c.Launch(m.kernel, Dim{2, 1, 1}, Dim{block, 1, 1}, dynamic, p); err != nil {
				t.Fatalf("the launch itself: %v", err)
			}
			if err := c.Sync(); err != m.status {
				t.Errorf("status %v, want %v", err, m.status)
			}
			text := emu.LastFault()
			if ok, err := regexp.MatchString(`^kernel `+m.kernel+`, .*`+m.text, text); !ok || err != nil {
				t.Errorf("fault: %s", text)
			}
			if _, err := c.Alloc(4); err != m.status {
				t.Errorf("the call after: %v, want %v: a fault stays with the context", err, m.status)
			}
		})
	}
}

// A new context is well after a fault ended the one before.
func TestFaultEndsWithContext(t *testing.T) {
	c := open(t, "wrong")
	if err := c.Launch("trapped", Dim{1, 1, 1}, Dim{32, 1, 1}, 0, Params{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(); err != illegalInstruction {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := Open("right")
	if err != nil {
		t.Fatal(err)
	}
	*c = *n
	b := alloc(t, c, 1024)
	launch(t, c, "pass_round", Dim{1, 1, 1}, Dim{256, 1, 1}, 0, Params{B: b})
}
