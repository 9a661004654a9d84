package sass

import (
	"regexp"
	"slices"
	"strconv"
)

// block is a run of instructions that is entered at its first and left after its last.
type block struct {
	code []Instruction
	next []int // blocks that may follow
	prev []int
}

var (
	target    = regexp.MustCompile(`\b0x[0-9a-f]+\b`)
	condition = regexp.MustCompile(`^[!~]?U?[PR][0-9]`)
)

// jump returns where an instruction may jump to. A call counts as a jump that may also go on: the compiler
// leaves loops by calls that never return, and the callees of true calls lead nowhere.
func (i Instruction) jump() (to uint64, ok bool) {
	switch i.Base() {
	case "BRA", "JMP", "CALL":
		all := target.FindAllString(i.Operands, -1)
		if len(all) == 0 {
			return 0, false
		}
		to, err := strconv.ParseUint(all[len(all)-1], 0, 64)
		return to, err == nil
	}
	return 0, false
}

// conditional tells whether the next instruction may follow a jump or an end of the thread.
func (i Instruction) conditional() bool {
	// BRA P1, 0x.. and BRA.U UP0, 0x.. and BRA.DIV UR4, 0x.. have their condition among the operands.
	return i.Predicate != "" && i.Predicate != "@PT" && i.Predicate != "@UPT" || i.Base() == "CALL" ||
		i.Base() == "BRA" && condition.MatchString(i.Operands)
}

// blocks cuts a kernel into its blocks, the first of which is its entry.
func (k Kernel) blocks() []block {
	leads := make([]bool, len(k.Code)+1)
	at := make(map[uint64]int, len(k.Code))
	for n, i := range k.Code {
		at[i.Address] = n
	}
	leads[0] = true
	ends := func(i Instruction) bool {
		switch i.Base() {
		case "BRA", "JMP", "CALL", "BRX", "JMX", "RET", "EXIT":
			return true
		}
		return false
	}
	for n, i := range k.Code {
		if to, ok := i.jump(); ok {
			if m, ok := at[to]; ok {
				leads[m] = true
			}
		}
		if ends(i) {
			leads[n+1] = true
		}
	}
	var list []block
	of := make([]int, len(k.Code))
	for n, i := range k.Code {
		if leads[n] {
			list = append(list, block{})
		}
		b := &list[len(list)-1]
		b.code = append(b.code, i)
		of[n] = len(list) - 1
	}
	for n := range list {
		last := list[n].code[len(list[n].code)-1]
		if to, ok := last.jump(); ok {
			if m, ok := at[to]; ok {
				list[n].next = append(list[n].next, of[m])
			}
		}
		if goesOn := !ends(last) || last.conditional(); goesOn && n+1 < len(list) && !slices.Contains(list[n].next, n+1) {
			list[n].next = append(list[n].next, n+1)
		}
	}
	for n, b := range list {
		for _, m := range b.next {
			list[m].prev = append(list[m].prev, n)
		}
	}
	return list
}

// dominators returns for each block the blocks on all ways to it from the entry, itself among them; nil for
// a block without a way to it.
func dominators(list []block) []map[int]bool {
	order := reverse(list)
	dom := make([]map[int]bool, len(list))
	dom[0] = map[int]bool{0: true}
	for changed := true; changed; {
		changed = false
		for _, n := range order[1:] {
			var meet map[int]bool
			for _, p := range list[n].prev {
				switch {
				case dom[p] == nil:
				case meet == nil:
					meet = make(map[int]bool, len(dom[p])+1)
					for m := range dom[p] {
						meet[m] = true
					}
				default:
					for m := range meet {
						if !dom[p][m] {
							delete(meet, m)
						}
					}
				}
			}
			if meet == nil {
				continue
			}
			meet[n] = true
			if len(meet) != len(dom[n]) {
				dom[n], changed = meet, true
			}
		}
	}
	return dom
}

// reverse returns the blocks that the entry leads to, each after one that leads to it, and but for loops
// after all of them: the reverse of the order in which a depth-first walk leaves them.
func reverse(list []block) []int {
	seen := make([]bool, len(list))
	var order []int
	var walk func(int)
	walk = func(n int) {
		seen[n] = true
		for _, m := range list[n].next {
			if !seen[m] {
				walk(m)
			}
		}
		order = append(order, n)
	}
	walk(0)
	slices.Reverse(order)
	return order
}
