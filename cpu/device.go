package cpu

import (
	"bufio"
	"os"
	"runtime"
	"strings"

	"monge/engine/memory"
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

// memories returns the memory that the process can have and how much of it is available, in bytes; where the system does
// not tell, those of a small machine, half of it free.
func memories() (total, available int64) {
	total, known := memory.Total()
	if !known {
		return 8 << 30, 4 << 30
	}
	if available, known = memory.Available(); !known {
		available = total / 2
	}
	return total, available
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
