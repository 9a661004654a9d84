package ot

import (
	"cmp"
	"context"
	"math"
	"slices"

	"monge/engine"
)

// improve sweeps at most limit times all pairs, until the potentials settle. A sweep finds v_i, the least c_ij -
// g_j over the other columns. Rows with v_i < f_i violate the pairing: f_i falls to v_i, and where the columns
// that rows fell to make a cycle it is taken into the pairing. Every sweep's (min(f, v), g) is feasible.
//
// After the first sweep only what changed is touched. A row's v is the least of terms that do not depend on its
// own f; where the column of a fallen row is the only change, all other terms stand, and its own has fallen, so
// the least of the old v and the new terms is the new v. A row that got another column leaves out another
// term, and is swept anew; the column itself keeps its g. Both are bounds of the exact minima where the first
// sweep's are.
//
// Sweeps in float32 decide every row whose v clears f by their bound of the rounding, which is all of them
// where the pairing is optimal with some slack. Rows that do not are in doubt: if the pair that gave v violates in
// float64 they fall; the others are swept again in float64 once nothing else falls.
func (c *certifier) improve(ctx context.Context, limit int) error {
	return c.do(func(under *ImproveState) error {
		if under == nil {
			under = &ImproveState{Began: c.minPlus.pairs, Swept: c.sweeps}
			if err := c.begin(ctx); err != nil {
				return err
			}
		}
		return c.sweepOn(ctx, limit, under)
	})
}

// sweepOn is improve after its first sweep, or after any other.
func (c *certifier) sweepOn(ctx context.Context, limit int, under *ImproveState) error {
	n := c.n
	all := float64(n) * float64(n)
	for {
		c.keep(under)
		fallen, doubtful := c.violations()
		if len(fallen) == 0 && doubtful > 0 {
			if err := c.verify(ctx); err != nil {
				return err
			}
			fallen, _ = c.violations()
		}
		c.keepBound()
		c.progress()
		if len(fallen) == 0 {
			c.settled = true
			return nil
		}
		if c.at == single && doubtful > n/2 {
			c.at = double
		}
		spent := (c.minPlus.pairs - under.Began) / all
		if spent >= float64(limit) || c.sweeps-under.Swept > sweepsPerPass*limit {
			return nil
		}
		under.History = append(under.History, ImproveMark{spent, c.upper - c.lower})
		for len(under.History) > 1 && under.History[1].Pairs <= spent-stallPasses {
			under.History = under.History[1:]
		}
		if first := under.History[0]; c.settings.MaxPasses == 0 && spent-first.Pairs >= stallPasses && c.upper-c.lower > stallRate*first.Width {
			return nil
		}
		rotated, columns := c.fall(fallen)
		if len(rotated) > 0 {
			if err := c.keepPairing(ctx); err != nil {
				return err
			}
		}
		if err := c.sweepChanged(ctx, rotated, columns); err != nil {
			return err
		}
	}
}

// begin sets g from f and the pairing, and makes the first sweep, over all pairs.
func (c *certifier) begin(ctx context.Context) error {
	for i, j := range c.sigma {
		c.owner[j] = int32(i)
		c.pred[i] = -1
	}
	if err := c.each(ctx, func(i int) { c.match(c.sigma[i]) }); err != nil {
		return err
	}
	return c.sweepChanged(ctx, nil, nil)
}

// sweepChanged brings low up to date after rows got other columns and columns other potentials; none of
// both, or most of them, is all.
func (c *certifier) sweepChanged(ctx context.Context, rotated, columns []int32) error {
	c.sweeps++
	s := &sweep{side: rowsOfX, g: c.g, off: c.off, skip: c.sigma, low: c.low, arg: c.arg}
	if k := len(rotated) + len(columns); k == 0 || k > c.n/2 {
		for i := range c.low {
			c.low[i] = math.Inf(1)
		}
		return c.minPlus.run(ctx, c.at, s)
	}
	if len(columns) > 0 {
		s.cols = columns
		if err := c.minPlus.run(ctx, c.at, s); err != nil {
			return err
		}
	}
	return c.resweep(ctx, c.at, rotated)
}

// resweep finds low anew for some rows.
func (c *certifier) resweep(ctx context.Context, p precision, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	for _, i := range rows {
		c.low[i] = math.Inf(1)
	}
	return c.minPlus.run(ctx, p, &sweep{side: rowsOfX, rows: rows, g: c.g, off: c.off, skip: c.sigma, low: c.low, arg: c.arg})
}

// fallenRow is a row and the potential that it falls to.
type fallenRow struct {
	i int32
	f float64
}

// violations returns the rows whose arg violates the pairing in float64, by more than rounding and what
// counts as a tie, and how many others have a low that leaves that open.
func (c *certifier) violations() (fallen []fallenRow, doubtful int) {
	for i, low := range c.low {
		if !(low < c.f[i]-settledTolerance*c.scale) {
			continue
		}
		j := int(c.arg[i])
		cost, rounding := c.minPlus.pair(i, j)
		v := cost - c.g[j]
		rounding += c.off[j] + 4*engine.F64.Eps()*math.Abs(v)
		if v+rounding+settledTolerance*c.scale < c.f[i] {
			fallen = append(fallen, fallenRow{int32(i), v})
		} else {
			doubtful++
		}
	}
	return fallen, doubtful
}

// fall lowers f of the rows, changes the pairing along the cycles that they close, and returns the rows whose
// column and the columns whose potential changed.
func (c *certifier) fall(fallen []fallenRow) (rotated, columns []int32) {
	for _, r := range fallen {
		c.f[r.i], c.pred[r.i] = r.f, c.arg[r.i]
	}
	rotated = c.shorten()
	turned := make(map[int32]bool, len(rotated))
	for _, i := range rotated {
		turned[i] = true
	}
	for _, r := range fallen {
		if !turned[r.i] {
			j := c.sigma[r.i]
			c.match(j)
			columns = append(columns, j)
		}
	}
	return rotated, columns
}

// verify sweeps the rows in doubt again, in float64 products where that is not what left them in doubt, then
// those that still cost the bracket something in differences.
func (c *certifier) verify(ctx context.Context) error {
	const few = 64 // rows that are not worth another copy of the points
	for p := c.at; p < differences; {
		p++
		rows := c.below()
		if p == double && len(rows) <= few {
			continue
		}
		if p == differences && len(rows) > few && !c.matters(rows) {
			return nil
		}
		if err := c.resweep(ctx, p, rows); err != nil {
			return err
		}
	}
	return nil
}

// below returns the rows whose low is below f.
func (c *certifier) below() (rows []int32) {
	for i, low := range c.low {
		if low < c.f[i] {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// matters says whether what the rows take from the bound would count in a certificate.
func (c *certifier) matters(rows []int32) bool {
	var loss engine.Compensated
	for _, i := range rows {
		loss.Add(c.f[i] - c.low[i])
	}
	return loss.Value()/float64(c.n) > 0.1*certifiedGap*c.upper
}

// sharpen finds the slack of the settled potentials exactly where float32 left a margin for its rounding: rows
// are swept in float64 from the least low on, until one's bound is above the least found.
func (c *certifier) sharpen(ctx context.Context) error {
	if c.at != single || !c.current || c.slack == 0 {
		return nil
	}
	rows := make([]int32, c.n)
	for i := range rows {
		rows[i] = int32(i)
	}
	room := func(i int32) float64 { return c.low[i] - c.f[i] }
	slices.SortFunc(rows, func(a, b int32) int { return cmp.Or(cmp.Compare(room(a), room(b)), cmp.Compare(a, b)) })
	const batch = 16
	slack := math.Inf(1)
	for done := 0; done < len(rows) && room(rows[done]) < slack; done += batch {
		if done >= c.n/16+batch { // the bound of the rest serves
			slack = min(slack, room(rows[done]))
			break
		}
		some := rows[done:min(done+batch, len(rows))]
		if err := c.resweep(ctx, differences, some); err != nil {
			return err
		}
		for _, i := range some {
			slack = min(slack, room(i))
		}
	}
	c.slack = max(c.slack, slack)
	return nil
}
