package memory

import (
	"math"
	"testing"
	"testing/fstest"
)

// Every bound that the system tells counts, and the least of them is the answer.
func TestMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	machine := "MemTotal:       1000 kB\nMemFree:         10 kB\nMemAvailable:    800 kB\n"
	const none = math.MaxInt64
	for _, c := range []struct {
		name             string
		files            fstest.MapFS
		goLimit          int64
		total, available int64 // -1 = not known
	}{
		{"nothing", fstest.MapFS{}, none, -1, -1},
		{"GOMEMLIMIT alone", fstest.MapFS{}, 5000, 5000, 5000},
		{"machine", fstest.MapFS{"proc/meminfo": file(machine)}, none, 1000 << 10, 800 << 10},
		{"GOMEMLIMIT below the machine's", fstest.MapFS{"proc/meminfo": file(machine)}, 5000, 5000, 5000},
		{"no group", fstest.MapFS{
			"proc/meminfo":                 file(machine),
			"proc/self/cgroup":             file("0::/\n"),
			"sys/fs/cgroup/memory.current": file("4000\n"),
		}, none, 1000 << 10, 800 << 10},
		{"a group without a limit", fstest.MapFS{
			"proc/meminfo":                 file(machine),
			"proc/self/cgroup":             file("0::/\n"),
			"sys/fs/cgroup/memory.max":     file("max\n"),
			"sys/fs/cgroup/memory.current": file("4000\n"),
		}, none, 1000 << 10, 800 << 10},
		{"a container", fstest.MapFS{
			"proc/meminfo":                 file(machine),
			"proc/self/cgroup":             file("0::/../../outside\n"),
			"sys/fs/cgroup/memory.max":     file("40000\n"),
			"sys/fs/cgroup/memory.current": file("30000\n"),
			"sys/fs/cgroup/memory.stat":    file("anon 20000\nfile 10000\nactive_file 1000\ninactive_file 9000\n"),
		}, none, 40000, 19000},
		{"a job whose own group is wider than the one around it", fstest.MapFS{
			"proc/meminfo":                         file(machine),
			"proc/self/cgroup":                     file("0::/slurm/job_7/step_0\n"),
			"sys/fs/cgroup/slurm/job_7/memory.max": file("60000\n"), "sys/fs/cgroup/slurm/job_7/memory.current": file("50000\n"),
			"sys/fs/cgroup/slurm/job_7/step_0/memory.max": file("70000\n"), "sys/fs/cgroup/slurm/job_7/step_0/memory.current": file("10\n"),
		}, none, 60000, 10000},
		{"version 1, over its limit", fstest.MapFS{
			"proc/meminfo":     file(machine),
			"proc/self/cgroup": file("9:cpu,cpuacct:/a\n4:memory:/a\n0::/\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("9223372036854771712\n"), "sys/fs/cgroup/memory/a/memory.usage_in_bytes": file("10\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("7000\n"), "sys/fs/cgroup/memory/memory.usage_in_bytes": file("9000\n"),
			"sys/fs/cgroup/memory/memory.stat": file("inactive_file 5000\ntotal_inactive_file 500\n"),
		}, none, 7000, 0},
	} {
		for _, got := range []struct {
			what  string
			of    func() (int64, bool)
			bytes int64
		}{
			{"total", func() (int64, bool) { return total(c.files, c.goLimit) }, c.total},
			{"available", func() (int64, bool) { return available(c.files, c.goLimit) }, c.available},
		} {
			bytes, known := got.of()
			if known != (got.bytes >= 0) || known && bytes != got.bytes {
				t.Errorf("%s: %s %d, %v; want %d", c.name, got.what, bytes, known, got.bytes)
			}
		}
	}
}

// On this machine what is available is not more than there is.
func TestThisMachine(t *testing.T) {
	all, known := Total()
	free, same := Available()
	if known != same || known && !(0 < all && free <= all) {
		t.Errorf("%d bytes available (%v) of %d (%v)", free, same, all, known)
	}
}
