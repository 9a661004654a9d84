// Package memory tells how much memory the process may take.
package memory

import (
	"bufio"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// Total returns the bytes of memory that the process can have at most: the least of the machine's, what its control
// groups allow, and GOMEMLIMIT; false where the system does not tell and GOMEMLIMIT is not set.
func Total() (bytes int64, known bool) { return total(os.DirFS("/"), debug.SetMemoryLimit(-1)) }

// Available returns the bytes that new allocations can get without swapping: the kernel's own estimate, or what is
// left under the limit of a control group or GOMEMLIMIT where that is less; false as in Total.
func Available() (bytes int64, known bool) {
	return available(os.DirFS("/"), debug.SetMemoryLimit(-1))
}

func total(root fs.FS, goLimit int64) (int64, bool) {
	most := goLimit
	if v, ok := meminfo(root, "MemTotal"); ok {
		most = min(most, v)
	}
	for _, g := range groups(root) {
		most = min(most, g.limit)
	}
	return most, most < math.MaxInt64
}

func available(root fs.FS, goLimit int64) (int64, bool) {
	most := goLimit
	if v, ok := meminfo(root, "MemAvailable"); ok {
		most = min(most, v)
	}
	for _, g := range groups(root) {
		most = min(most, max(0, g.limit-g.used))
	}
	return most, most < math.MaxInt64
}

// meminfo returns the bytes that a line "key: N kB" of /proc/meminfo tells.
func meminfo(root fs.FS, key string) (int64, bool) {
	v, ok := value(root, "proc/meminfo", key+":")
	if !ok {
		return 0, false
	}
	kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 10, 64)
	return kb << 10, err == nil && kb > 0
}

// group is a control group of the process that limits its memory.
type group struct {
	limit, used int64 // bytes; used leaves out pages of files that the kernel drops when it needs room
}

// groups returns the process's control group and those around it, of either version, as far as they have a limit.
// Within a container only the root of what /proc/self/cgroup names may be there, which is then the container's own.
func groups(root fs.FS) (limited []group) {
	file, err := root.Open("proc/self/cgroup")
	if err != nil {
		return nil
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() { // number:controllers:path, the controllers of version 2 being ""
		fields := strings.SplitN(lines.Text(), ":", 3)
		if len(fields) != 3 {
			continue
		}
		top, limit, used, cached := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "
		switch fields[1] {
		case "":
		case "memory":
			top, limit, used, cached = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "
		default:
			continue
		}
		for dir := path.Join("/", fields[2]); ; dir = path.Dir(dir) {
			at := path.Join(top, dir)
			most, ok1 := number(root, path.Join(at, limit))
			taken, ok2 := number(root, path.Join(at, used))
			if ok1 && ok2 {
				if v, ok := value(root, path.Join(at, "memory.stat"), cached); ok {
					if pages, err := strconv.ParseInt(v, 10, 64); err == nil {
						taken = max(0, taken-pages)
					}
				}
				limited = append(limited, group{most, taken})
			}
			if dir == "/" {
				break
			}
		}
	}
	return limited
}

// number reads a file that holds one whole number; "max" and absence are not one.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return v, err == nil
}

// value returns what follows the first line's start of a file.
func value(root fs.FS, name, start string) (string, bool) {
	file, err := root.Open(name)
	if err != nil {
		return "", false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), start); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}
