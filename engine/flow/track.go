package flow

import "monge/engine"

// historySlots is the count of vectors in a row's history: the state, maxOrder slopes, and one free for the slope in the making.
const historySlots = engine.AdamsHistory

// track is the host's part of a row in an Adams integration: its time, step, order, and where in the
// history its slopes lie.
type track struct {
	row      int // in the chunk
	u, h     float64
	next     float64 // end of the step in the making
	order    int
	known    int                   // slopes in the history
	time     [maxOrder + 1]float64 // times of the slopes, newest first
	slot     [maxOrder + 1]uint8   // and their slots; the one after the known is free
	steps    int
	rejected int      // rejections in a row
	landing  approach // decoding: when to look for the closed form
}

// push makes the slope in the free slot the newest.
func (t *track) push(time float64) {
	free := t.slot[maxOrder]
	if t.known < maxOrder {
		free = t.slot[t.known]
	}
	n := min(t.known, maxOrder-1)
	last := t.slot[n] // falls out of the history, or is the free one itself
	copy(t.time[1:n+1], t.time[:n])
	copy(t.slot[1:n+1], t.slot[:n])
	t.time[0], t.slot[0] = time, free
	if t.known < maxOrder {
		t.known++
	} else {
		t.slot[maxOrder] = last
	}
}

// free returns the slot for the next slope.
func (t *track) free() uint8 { return t.slot[t.known] }

func (t *track) reset(row int) {
	*t = track{row: row, order: 1}
	for i := range t.slot {
		t.slot[i] = uint8(i + 1)
	}
}
