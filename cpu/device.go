package cpu

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// processor returns the processor's own name, or the architecture's where the system does not tell.
func processor() string {
	for _, key := range []string{"model name", "Model", "Hardware", "cpu"} {
		if v, ok := procValue("/proc/cpuinfo", key); ok && v != "" {
			return v
		}
	}
	return runtime.GOARCH
}

// memory returns the machine's memory and how much of it is available, in bytes. GOMEMLIMIT bounds both.
func memory() (total, available int64) {
	total, available = 8<<30, 4<<30 // where the system does not tell: a small machine, half of it free
	if t, ok := procBytes("MemTotal"); ok {
		total, available = t, t/2
		if a, ok := procBytes("MemAvailable"); ok {
			available = a
		}
	}
	limit := debug.SetMemoryLimit(-1)
	return min(total, limit), min(available, limit)
}

func procBytes(key string) (int64, bool) {
	v, ok := procValue("/proc/meminfo", key)
	if !ok {
		return 0, false
	}
	kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 10, 64)
	return kb << 10, err == nil && kb > 0
}

// procValue returns the value of the first line "key : value" of a file.
func procValue(file, key string) (string, bool) {
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}
