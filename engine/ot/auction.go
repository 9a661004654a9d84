package ot

import (
	"math"
	"slices"
)

// Parameters of the auction, the best of those measured on clouds of 1024 to 16,384 points.
const (
	phaseFactor = 8.0       // ε falls by it between phases
	laxness     = 3.0       // a bid may miss the best column by this many ε
	trialStart  = 0.25      // the first ε from a start that fits, in units of scale
	trialBudget = 6         // bids a row that tell whether it does, where there is another start
	coarseStart = 3.0       // the first ε from clusters
	lastPhase   = 1. / 4096 // the last ε, in units of scale
	bidBudget   = 32        // bids a row that the first phase may take before another ε is tried
	downBudget  = 64        // the same of later ones: a row left over there costs a path across the whole cloud
	fewRows     = 8         // rows that a larger ε does not help, which shortest paths place
	fewShare    = 512       // one row of so many that a trial leaves over does not speak against its start: a larger ε places it
)

// assigner matches the rows of an instance with as many columns. v are the columns' prices with the sign of
// a potential: they only fall, until the lists are rebuilt.
type assigner struct {
	shortlists
	u        []float64
	col, row []int32 // the partner of each row and each column, or -1
	queue    []int32 // rows that bid, the last one next
	waiting  []int32 // rows whose lists are to be made anew, all at once
	bids     int
	dijkstra
}

func newAssigner(w *work, in *instance, src pairs) *assigner {
	s := &assigner{shortlists: newShortlists(w, in, src), u: make([]float64, in.n), col: make([]int32, in.n), row: make([]int32, in.n)}
	s.reset()
	s.dijkstra.init(in.n)
	return s
}

// reset undoes all matches.
func (s *assigner) reset() {
	for i := range s.col {
		s.col[i], s.row[i] = -1, -1
	}
}

// tolerance is the rounding of c - u - v.
func tolerance(c, u, v float64) float64 { return 0x1p-50 * (c + math.Abs(u) + math.Abs(v)) }

// auction lets unmatched rows bid, the displaced row next, until every row is matched (true) or the budget
// is spent. Rows whose lists do not tell their best column wait until nobody else bids: their lists are then made
// anew together. At the end u and v satisfy c_ij - v_j ≥ u_i and c_ij - v_j ≤ u_i + ε on matched pairs. With
// ε = 0 it is augmenting row reduction: rows whose two best columns tie stay unmatched.
func (s *assigner) auction(eps float64, budget int) (bool, error) {
	s.refit(s.v)
	if err := s.release(eps); err != nil {
		return false, err
	}
	s.queue, s.waiting = s.queue[:0], s.waiting[:0]
	for i := s.n - 1; i >= 0; i-- {
		if s.col[i] < 0 {
			s.queue = append(s.queue, int32(i))
		}
	}
	all := true
	for len(s.queue) > 0 || len(s.waiting) > 0 {
		if len(s.queue) == 0 {
			if err := s.rebuildRows(s.waiting); err != nil {
				return false, err
			}
			s.queue, s.waiting = s.waiting, s.queue
		}
		i := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		if s.bids%64 == 0 && s.ctx.Err() != nil {
			return false, s.ctx.Err()
		}
		j, w1, w2, ok := s.listed(i, laxness*eps)
		if !ok {
			s.waiting = append(s.waiting, i)
			continue
		}
		if budget--; budget < 0 {
			return false, nil
		}
		s.bids++
		if math.IsInf(w2, 1) {
			w2 = w1
		}
		price := s.v[j] - (w2 - w1) - eps
		if eps > 0 && price == s.v[j] { // ε is below the rounding of a far point's price
			price = math.Nextafter(price, math.Inf(-1))
		}
		if o := s.row[j]; o >= 0 {
			if price >= s.v[j] {
				all = false
				continue
			}
			s.col[o] = -1
			s.queue = append(s.queue, o)
		}
		s.row[j], s.col[i] = i, j
		s.v[j] = min(s.v[j], price)
	}
	return all, nil
}

// release sets u and undoes the matches that are not within eps of the row's best.
func (s *assigner) release(eps float64) error {
	s.waiting = s.waiting[:0]
	for i := range s.u {
		if _, w1, _, ok := s.listed(int32(i), 0); ok {
			s.u[i] = w1
		} else {
			s.waiting = append(s.waiting, int32(i))
		}
	}
	if err := s.rebuildRows(s.waiting); err != nil {
		return err
	}
	for _, i := range s.waiting {
		_, s.u[i], _ = s.best(i, 0)
	}
	for i := range s.u {
		if j := s.col[i]; j >= 0 {
			c := s.cost(int32(i), j)
			if c-s.v[j]-s.u[i] > eps+tolerance(c, s.u[i], s.v[j]) {
				s.row[j], s.col[i] = -1, -1
			}
		}
	}
	return nil
}

// scale is the unit of ε: the median distance between the second and the tenth key of a row; where most
// rows have ties, a higher quantile; 0 where all have.
func (s *assigner) scale() float64 {
	r, size := make([]float64, s.n), make([]float64, s.n)
	for i := range s.lists {
		k := s.lists[i].key
		r[i] = k[min(9, len(k)-1)] - k[min(1, len(k)-1)]
		size[i] = s.lists[i].cost[0] + math.Abs(k[0])
	}
	slices.Sort(r)
	slices.Sort(size)
	for _, q := range []int{s.n / 2, s.n * 3 / 4, s.n - 1} {
		if r[q] > 1e-9*size[s.n/2] {
			return r[q]
		}
	}
	return 0
}

// unmatched counts rows.
func (s *assigner) unmatched() int {
	n := 0
	for _, j := range s.col {
		if j < 0 {
			n++
		}
	}
	return n
}

// augmentAll places the unmatched rows by shortest paths in the middle of the phases. It counts the matches
// as tight. A free column far out may need all other prices to fall by more than bids of any ε get to; one
// path does it.
func (s *assigner) augmentAll() error {
	for i, j := range s.col {
		if j >= 0 {
			s.u[i] = s.cost(int32(i), j) - s.v[j]
		}
	}
	for i, j := range s.col {
		if j < 0 {
			if err := s.augment(int32(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// phases runs the auction from the first ε at or above start that ends in time, down to end, both in units
// of scale.
func (s *assigner) phases(start, end float64) error {
	unit := s.scale()
	eps, _, err := s.first(start, unit)
	if err != nil {
		return err
	}
	return s.down(eps, end, unit)
}

// first runs the auction with growing ε, from start on, in units, until it matches all rows. Every phase has to: a
// few rows left over would each have to move mass across the whole cloud. It returns the last ε and whether that did.
func (s *assigner) first(start, unit float64) (eps float64, placed bool, err error) {
	left := s.n
	for eps = start * unit; eps < 1000*unit; eps *= phaseFactor {
		placed, err := s.auction(eps, bidBudget*s.n)
		if err != nil {
			return 0, false, err
		}
		s.step(10)
		if placed {
			return eps, true, nil
		}
		last := left
		if left = s.unmatched(); left <= fewRows && 2*left > last {
			return eps, true, s.augmentAll()
		}
	}
	return eps, unit == 0, nil
}

// down runs the auction with falling ε, below eps and down to end, in units.
func (s *assigner) down(eps, end, unit float64) error {
	for unit > 0 {
		for eps /= phaseFactor; eps > end*unit; eps /= phaseFactor {
			if _, err := s.auction(eps, downBudget*s.n); err != nil {
				return err
			}
			s.step(10)
		}
		// The unit was that of the start. Where it was far too large, because of outliers, the phases go on.
		if err := s.rebuildAll(); err != nil {
			return err
		}
		last := unit
		if unit = s.scale(); unit > last/phaseFactor {
			return nil
		}
		eps *= phaseFactor
	}
	return nil
}
