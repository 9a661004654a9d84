// Package enginetest holds the one table of conformance cases that every engine runs.
//
// A case makes uneven inputs (outliers, offsets, duplicates, zero weights, sizes that are no multiple of
// a tile), runs an operation and compares it with the formula of its doc comment, written as plain
// loops. [Cases] lists them all; an engine's own test is
//
//	func TestEngine(t *testing.T) { enginetest.RunAll(t, open, nil) }
//
// with subtests named OPERATION/DTYPE/CASE. [SoftmaxCases], [MixtureCases] and [FollowCases] give the
// shapes and the data alone, for benchmarks.
//
// # Tolerances
//
// Every output number has a unit: the first-order change of the exact result when each term that the
// formula adds changes by its own size, such as |alpha x| + |beta y| for alpha x + beta y. One rounding
// of every term costs at most eps times the unit, with eps the unit roundoff of the dtype.
//
// Always: |got - reference| <= (4 + 2 sqrt(terms)) eps unit, where terms is the length of the longest
// sum. The rounding errors of a sum are of either sign and grow like the root of its length; 4 stands
// for the few roundings outside the sums and for exp and ln.
//
// In float32 the reference is evaluated in float64 from the rounded inputs, and besides the largest
// error, in units, is at most twice that of the same plain formula evaluated in float32, plus 2 eps: a
// fast engine may reorder, but not be worse in kind than the formula as written.
package enginetest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"monge/engine"
)

// Case is one conformance case: an operation on one set of inputs in one dtype.
type Case struct {
	Op    string // the method of engine.Engine
	Dtype engine.Dtype
	Name  string
	run   func(*device) error
}

// String returns OPERATION/DTYPE/CASE.
func (c Case) String() string { return c.Op + "/" + c.Dtype.String() + "/" + c.Name }

// Run runs the case on e and returns what is wrong, or nil. A panic is wrong too. All memory is given
// back.
func (c Case) Run(e engine.Engine) (err error) {
	d := &device{e: e, t: c.Dtype}
	defer d.free()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := c.run(d); err != nil {
		return err
	}
	return d.err
}

// Cases returns the whole table, float64 and float32, ordered by operation.
func Cases() []Case {
	var all []Case
	for _, t := range []engine.Dtype{engine.F64, engine.F32} {
		for _, list := range [][]Case{
			softmaxTable(), mixtureTable(), followTable(), lincombTable(), elementTable(), productTable(),
			reduceTable(), copyTable(), normalTable(), memoryTable(), shapeTable(), rowwiseTable(), identityTable(), sinkhornTable(), planSumsTable(), stepsTable(),
			controlTable(),
		} {
			for _, c := range list {
				c.Dtype = t
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Case) int {
		if a.Op != b.Op {
			return strings.Compare(a.Op, b.Op)
		}
		return int(a.Dtype) - int(b.Dtype)
	})
	return all
}

// RunAll runs every case as a subtest OPERATION/DTYPE/CASE on one engine from open, and closes it. skip, where
// not nil, gives the reason for leaving a case out, or "".
func RunAll(t *testing.T, open func(testing.TB) engine.Engine, skip func(Case) (reason string)) {
	e := open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	cases := Cases()
	for len(cases) > 0 {
		ofOp := leading(cases, func(c Case) string { return c.Op })
		t.Run(ofOp[0].Op, func(t *testing.T) {
			for rest := ofOp; len(rest) > 0; {
				ofType := leading(rest, func(c Case) string { return c.Dtype.String() })
				t.Run(ofType[0].Dtype.String(), func(t *testing.T) {
					for _, c := range ofType {
						t.Run(c.Name, func(t *testing.T) {
							if skip != nil {
								if reason := skip(c); reason != "" {
									t.Skip(reason)
								}
							}
							if err := c.Run(e); err != nil {
								t.Error(err)
							}
						})
					}
				})
				rest = rest[len(ofType):]
			}
		})
		cases = cases[len(ofOp):]
	}
}

// leading returns the first cases that share the first one's key.
func leading(cases []Case, key func(Case) string) []Case {
	n := 1
	for n < len(cases) && key(cases[n]) == key(cases[0]) {
		n++
	}
	return cases[:n]
}
