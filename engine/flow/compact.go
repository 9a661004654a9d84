package flow

import "monge/engine"

// movers are the index buffers by which rows change places.
type movers struct{ target, source staging } // I32 [1, N, 1]

func newMovers(r *run) movers {
	return movers{r.mem.stage(engine.I32, r.cap, 0, 1), r.mem.stage(engine.I32, r.cap, 0, 1)}
}

// scatter copies row i of src to row target.host[i] of dst, for the first n; negative targets are skipped.
func (m *movers) scatter(r *run, dst, src engine.Buffer, n int) error {
	idx, err := m.target.push(r.e, n)
	if err != nil {
		return err
	}
	return r.e.CopyRows(dst, idx, src, nil)
}

// gather copies row source.host[i] of src to row i of dst, for the first n.
func (m *movers) gather(r *run, dst, src engine.Buffer, n int) error {
	idx, err := m.source.push(r.e, n)
	if err != nil {
		return err
	}
	return r.e.CopyRows(dst, nil, src, idx)
}

// both copies row source.host[i] of src to row target.host[i] of dst, for the first n.
func (m *movers) both(r *run, dst, src engine.Buffer, n int) error {
	if n == 0 {
		return nil
	}
	to, err := m.target.push(r.e, n)
	if err != nil {
		return err
	}
	from, err := m.source.push(r.e, n)
	if err != nil {
		return err
	}
	return r.e.CopyRows(dst, to, src, from)
}

// compact fills the places of the done rows among the first n with the last of the others, so that those
// left are consecutive, and returns their count. arrays hold the rows' numbers, r.cap rows each; swap
// exchanges two rows' host parts.
func (m *movers) compact(r *run, n int, done func(i int) bool, swap func(i, j int), arrays ...engine.Buffer) (live int, err error) {
	moves := 0
	live = n
	for i := 0; i < live; i++ {
		if !done(i) {
			continue
		}
		for live--; live > i && done(live); live-- {
		}
		if live > i {
			swap(i, live)
			m.target.host[moves], m.source.host[moves] = float64(i), float64(live)
			moves++
		}
	}
	if moves == 0 {
		return live, nil
	}
	to, err := m.target.push(r.e, moves)
	if err != nil {
		return 0, err
	}
	from, err := m.source.push(r.e, moves)
	if err != nil {
		return 0, err
	}
	for _, x := range arrays {
		rows := x.View(0, 1, n, engine.Len(x)/r.cap)
		if err := r.e.CopyRows(rows, to, rows, from); err != nil {
			return 0, err
		}
	}
	return live, nil
}
