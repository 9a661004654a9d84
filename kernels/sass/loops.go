package sass

import (
	"cmp"
	"slices"
)

// Loop is a natural loop: the blocks from which its head can be reached again without leaving it.
type Loop struct {
	Head   uint64 // address of its first instruction
	Inner  []*Loop
	Outer  *Loop // nil for an outermost loop
	blocks map[int]bool
	head   int
	flow   []block
}

// Loops returns the loops of a kernel, inner ones before those around them.
func (k Kernel) Loops() []*Loop {
	list := k.blocks()
	dom := dominators(list)
	byHead := make(map[int]*Loop)
	for n := range list {
		for _, m := range list[n].next {
			if dom[n] == nil || !dom[n][m] {
				continue
			}
			l := byHead[m]
			if l == nil {
				l = &Loop{Head: list[m].code[0].Address, head: m, blocks: map[int]bool{m: true}, flow: list}
				byHead[m] = l
			}
			for stack := []int{n}; len(stack) > 0; {
				b := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if l.blocks[b] || dom[b] == nil {
					continue
				}
				l.blocks[b] = true
				stack = append(stack, list[b].prev...)
			}
		}
	}
	var loops []*Loop
	for _, l := range byHead {
		loops = append(loops, l)
	}
	slices.SortFunc(loops, func(a, b *Loop) int {
		return cmp.Or(cmp.Compare(len(a.blocks), len(b.blocks)), cmp.Compare(a.Head, b.Head))
	})
	for i, l := range loops {
		for _, o := range loops[i+1:] {
			if o.blocks[l.head] {
				l.Outer = o
				o.Inner = append(o.Inner, l)
				break
			}
		}
	}
	return loops
}

// Code returns the instructions of a loop in the order of their addresses, without those of the loops in it.
func (l *Loop) Code() []Instruction {
	var code []Instruction
	for n, b := range l.flow {
		if l.blocks[n] && !l.inside(n) {
			code = append(code, b.code...)
		}
	}
	return code
}

func (l *Loop) inside(n int) bool {
	return slices.ContainsFunc(l.Inner, func(i *Loop) bool { return i.blocks[n] })
}

// Count returns how many instructions of Code are op; see [Instruction.Is].
func (l *Loop) Count(op string) int { return count(l.Code(), op) }

func count(code []Instruction, op string) (n int) {
	for _, i := range code {
		if i.Is(op) {
			n++
		}
	}
	return n
}

// Trip returns the instructions of a trip that does all the work in the fewest instructions: of the ways
// from the head back to it, those with the most instructions of mark, and of these the shortest. It leaves
// out what guards skip and rare paths; loops inside count nothing. It bounds what a trip takes from below.
func (l *Loop) Trip(mark string) []Instruction {
	// node is the outermost loop inside l that a block lies in, or the block.
	node := make(map[int]int, len(l.blocks))
	for n := range l.blocks {
		node[n] = n
		for _, i := range l.Inner {
			if i.blocks[n] {
				node[n] = i.head
			}
		}
	}
	type way struct {
		marks, length, from int
		code                []Instruction
	}
	best := make(map[int]*way)
	// Inner loops are single nodes, so that what remains has no cycles but through the head.
	next := make(map[int][]int)
	degree := make(map[int]int)
	for n := range l.blocks {
		for _, m := range l.flow[n].next {
			if !l.blocks[m] || m == l.head || node[n] == node[m] || slices.Contains(next[node[n]], node[m]) {
				continue
			}
			next[node[n]] = append(next[node[n]], node[m])
			degree[node[m]]++
		}
	}
	own := func(n int) []Instruction {
		if l.inside(n) {
			return nil
		}
		return l.flow[n].code
	}
	best[l.head] = &way{marks: count(own(l.head), mark), length: len(own(l.head)), from: -1, code: own(l.head)}
	ready := []int{l.head}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		slices.Sort(next[n])
		for _, m := range next[n] {
			if w := best[n]; w != nil {
				c := &way{marks: w.marks + count(own(m), mark), length: w.length + len(own(m)), from: n, code: own(m)}
				if b := best[m]; b == nil || c.marks > b.marks || c.marks == b.marks && c.length < b.length {
					best[m] = c
				}
			}
			if degree[m]--; degree[m] == 0 {
				ready = append(ready, m)
			}
		}
	}
	var end *way
	for n := range l.blocks {
		if !slices.Contains(l.flow[n].next, l.head) {
			continue
		}
		if w := best[node[n]]; w != nil && (end == nil || w.marks > end.marks || w.marks == end.marks && w.length < end.length) {
			end = w
		}
	}
	var code []Instruction
	for w := end; w != nil; w = best[w.from] {
		code = append(slices.Clone(w.code), code...)
		if w.from < 0 {
			break
		}
	}
	return code
}

// Main returns the loop with the most instructions of mark a trip, nil where none has one. Of equals it is
// the one with the shortest trip.
func Main(loops []*Loop, mark string) *Loop {
	var main *Loop
	most, length := 0, 0
	for _, l := range loops {
		trip := l.Trip(mark)
		if n := count(trip, mark); n > most || n == most && n > 0 && len(trip) < length {
			main, most, length = l, n, len(trip)
		}
	}
	return main
}
