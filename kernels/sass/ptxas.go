package sass

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Resources are what ptxas -v says that a kernel takes.
type Resources struct {
	Registers   int // of a thread
	Shared      int // static bytes of a block
	Stack       int // bytes of a thread
	SpillStores int
	SpillLoads  int
}

var (
	entry  = regexp.MustCompile(`Compiling entry function '(\S+)' for`)
	frame  = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	used   = regexp.MustCompile(`Used (\d+) registers`)
	shared = regexp.MustCompile(`(\d+) bytes smem`)
)

// ParseLog reads what ptxas -v wrote, by kernel.
func ParseLog(r io.Reader) (map[string]Resources, error) {
	all := make(map[string]Resources)
	name := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := lines.Text()
		if m := entry.FindStringSubmatch(text); m != nil {
			name = m[1]
			all[name] = Resources{}
		}
		if name == "" {
			continue
		}
		x := all[name]
		for _, f := range []struct {
			in   *regexp.Regexp
			into []*int
		}{
			{frame, []*int{&x.Stack, &x.SpillStores, &x.SpillLoads}},
			{used, []*int{&x.Registers}},
			{shared, []*int{&x.Shared}},
		} {
			if m := f.in.FindStringSubmatch(text); m != nil {
				for i, to := range f.into {
					*to, _ = strconv.Atoi(m[i+1]) // digits
				}
			}
		}
		all[name] = x
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sass: log of ptxas: %w", err)
	}
	for name, x := range all {
		if x.Registers == 0 {
			return nil, fmt.Errorf("sass: log of ptxas: no registers of %s", name)
		}
	}
	return all, nil
}
