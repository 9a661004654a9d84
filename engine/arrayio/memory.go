package arrayio

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"

	"monge/engine"
)

// availableMemory returns the bytes that a new allocation can get without swapping: the kernel's own
// estimate, or what is left under the control group's limit where that is less. Where the system tells
// neither, it is as good as unlimited.
func availableMemory() int64 {
	avail := int64(math.MaxInt64)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		sc := bufio.NewScanner(bytes.NewReader(b))
		for sc.Scan() {
			rest, ok := strings.CutPrefix(sc.Text(), "MemAvailable:")
			if !ok {
				continue
			}
			if kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64); err == nil {
				avail = kb << 10
			}
		}
	}
	for _, group := range [][2]string{
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
	} {
		limit, ok1 := readCount(group[0])
		used, ok2 := readCount(group[1])
		if ok1 && ok2 {
			avail = min(avail, max(0, limit-used))
		}
	}
	return avail
}

// readCount reads a file that holds one whole number; "max" and absence are not one.
func readCount(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return v, err == nil
}

// fits returns a *engine.MemoryError where count numbers of float64, copies times over, pass limit.
func fits(count int64, copies int64, limit int64) error {
	if count > limit/(8*copies) {
		asked := int64(math.MaxInt64)
		if count <= asked/(8*copies) {
			asked = count * 8 * copies
		}
		return &engine.MemoryError{What: "the array", Asked: asked, Free: limit}
	}
	return nil
}
