package main

import (
	"fmt"
	"strings"

	"monge/kernels/sass"
)

// image is the machine code of a family for one architecture.
type image struct {
	family, arch string // "softmax", "80"
	kernels      []sass.Kernel
	resources    map[string]sass.Resources
	threads      map[string]int // of a block, at most
}

// check returns what is wrong with the images, a line each. Rules that nothing follows are wrong too.
func (rules *Rules) check(images []image) (wrong []string) {
	type use struct{ seen, float64, plain bool }
	uses := make([]use, len(rules.Kernel))
	for _, im := range images {
		for _, k := range im.kernels {
			say := func(format string, args ...any) {
				wrong = append(wrong, fmt.Sprintf("%s on sm_%s: ", k.Name, im.arch)+fmt.Sprintf(format, args...))
			}
			r, ok := im.resources[k.Name]
			if !ok {
				say("nothing in ptxas's log")
			}
			if r.Stack != 0 || r.SpillStores != 0 || r.SpillLoads != 0 {
				say("%d bytes of stack, %d of spills", r.Stack, r.SpillStores+r.SpillLoads)
			}
			for _, i := range k.Code {
				if i.Is("LDL") || i.Is("STL") {
					say("%s at %#x: local memory", i.Op, i.Address)
					break
				}
			}
			loops := k.Loops()
			reason, plain := "", ""
			for n, rule := range rules.Kernel {
				if !rule.matches(k.Name, im.arch) {
					continue
				}
				uses[n].seen = true
				if rule.Float64 != "" {
					reason = rule.Float64
				}
				if rule.Plain != "" {
					plain, uses[n].plain = rule.Plain, tensorOp(k.Name) != "" && sass.Main(loops, tensorOp(k.Name)) == nil
				}
				if rule.Main == "" {
					continue
				}
				main := sass.Main(loops, rule.Main)
				if main == nil {
					say("no loop has %s", rule.Main)
					continue
				}
				if rule.Wide {
					for _, text := range wide(main, rule.Main) {
						say("%s", text)
					}
				}
				if text := float64s([]*sass.Loop{main}); rule.Clean && text != "" {
					say("float64 in the main loop: %s", text)
				}
			}
			if op := tensorOp(k.Name); op != "" && plain == "" && sass.Main(loops, op) == nil {
				say("no loop has %s", op)
			}
			if !strings.HasSuffix(k.Name, "_f32") {
				continue
			}
			found := float64s(loops)
			if found != "" && reason == "" {
				say("float64 in a loop: %s", found)
			}
			for n, rule := range rules.Kernel {
				if found != "" && rule.matches(k.Name, im.arch) {
					uses[n].float64 = true
				}
			}
		}
	}
	for n, u := range uses {
		if rule := rules.Kernel[n]; !u.seen {
			wrong = append(wrong, fmt.Sprintf("rule %s is about no kernel", rule.Name))
		} else if rule.Float64 != "" && !u.float64 {
			wrong = append(wrong, fmt.Sprintf("rule %s excuses float64 where there is none", rule.Name))
		} else if rule.Plain != "" && !u.plain {
			wrong = append(wrong, fmt.Sprintf("rule %s excuses a kernel from the tensor cores that is on them, or is not named for them", rule.Name))
		}
	}
	return wrong
}

// tensorOp returns the instruction that the main loop of a kernel has to multiply with, by the kernel's name.
func tensorOp(name string) string {
	switch {
	case strings.Contains(name, "_wgmma_"):
		return "HGMMA"
	case strings.Contains(name, "_mma_"):
		return "HMMA"
	}
	return ""
}

// wide tells where a loop uses global memory by less than 16 bytes a thread.
func wide(l *sass.Loop, mark string) (wrong []string) {
	found := false
	for _, i := range l.Trip(mark) {
		if b := i.Bytes(); b >= 16 {
			found = true
		} else if b > 0 {
			wrong = append(wrong, fmt.Sprintf("%s at %#x, in the main loop: %d bytes", i.Op, i.Address, b))
		}
	}
	if !found && len(wrong) == 0 {
		wrong = append(wrong, fmt.Sprintf("the main loop, at %#x, does not use global memory", l.Head))
	}
	return wrong
}

// float64s returns the first float64 instruction in a loop, or "".
func float64s(loops []*sass.Loop) string {
	for _, l := range loops {
		for _, i := range l.Code() {
			if i.Float64() {
				return fmt.Sprintf("%s at %#x", i.Op, i.Address)
			}
		}
	}
	return ""
}
