package flow

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// TestOffset: a law a million away has the flow of the law at home, in float64 and float32, at the default tolerance and
// there and back. Coordinates that are multiples of 2^-20 keep all their digits on the way to the offset in float64.
func TestOffset(t *testing.T) {
	if testing.Short() {
		t.Skip("digits; TestLanes has the goroutines")
	}
	const offset, grid = 1 << 20, 1 << 20
	round := func(x []float64) {
		for i, v := range x {
			x[i] = math.Round(v*grid) / grid
		}
	}
	move := func(x []float64, by float64) [][]float64 { // rows of 2
		var rows [][]float64
		for i := 0; i < len(x); i += 2 {
			rows = append(rows, []float64{x[i] + by, x[i+1] - by})
		}
		return rows
	}
	atoms := floats(dist.G2().Sample(4, 40))
	round(atoms)
	covs := make([]*dist.Covariance, 3)
	for k, v := range [][]float64{{.5, .01}, {.3, .2}, {.04, .4}} {
		covs[k] = must(dist.Diagonal(v))
	}
	mixture := func(by float64) dist.Distribution {
		return must(dist.NewMixture([]float64{.25, .5, .25}, move([]float64{1.5, 0, -1.5, .25, 0, 2}, by), covs))
	}
	points := func(h float64) func(by float64) dist.Distribution {
		return func(by float64) dist.Distribution {
			var flat []float64
			for _, r := range move(atoms, by) {
				flat = append(flat, r...)
			}
			return must(dist.NewPoints(engine.Points(flat, len(flat)/2, 2), nil, h))
		}
	}
	e := cpu.New(cpu.Options{Threads: 2})
	defer e.Close()
	for name, law := range map[string]func(by float64) dist.Distribution{
		"mixture": mixture, "points": points(.25), "sharp points": points(1e-3), // the last as a mixture
		"copies":  func(by float64) dist.Distribution { return must(dist.NewCopies(mixture(by), 2)) },
		"product": func(by float64) dist.Distribution { return must(dist.NewProduct(mixture(by), points(.25)(by))) },
		"rotated": func(by float64) dist.Distribution { return must(dist.NewRotation(mixture(by), rotation(2, 8))) },
	} {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			// float64 differs by the rounding of the offset's mean, 1e-10, and of what is expanded by up to 1/h; float32 by
			// some tolerances, 4e-6, as steps differ.
			within := 1e-7
			if dt == engine.F32 {
				within = 2e-4
			}
			if name == "sharp points" {
				within *= 100
			}
			home, away := law(0), law(offset)
			x := home.Sample(7, 30)
			round(floats(x))
			far := x.Clone().(*tensor.Dense)
			shift := floats(away.Sample(7, 1))
			for k, v := range floats(home.Sample(7, 1)) {
				if shift[k] -= v; name != "rotated" { // whose shift has more digits
					shift[k] = math.Round(shift[k])
				}
			}
			for i := range floats(far) {
				floats(far)[i] += shift[i%len(shift)]
			}
			s := Settings{Jacobian: true, LogP: true}
			run := func(way func(context.Context, engine.Engine, engine.Dtype, dist.Distribution, *tensor.Dense, *Settings) (*Result, error), law dist.Distribution, x *tensor.Dense) *Result {
				r, err := way(context.Background(), e, dt, law, x, &s)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			want, got := run(Encode, home, x), run(Encode, away, far)
			check := func(what string, got, want []float64, within float64) {
				t.Helper()
				var scale float64 = 1
				for _, v := range want {
					scale = math.Max(scale, math.Abs(v))
				}
				if d := worst(t, got, want); !(d <= within*scale) {
					t.Errorf("%s %v: %s is %g off, of %g", name, dt, what, d, scale)
				}
			}
			check("E(x)", floats(got.X), floats(want.X), within)
			check("the Jacobian", floats(got.Jacobian), floats(want.Jacobian), 10*within)
			check("ln p", got.LogP, want.LogP, 10*within)
			back := run(Decode, away, got.X)
			check("the way back", floats(back.X), floats(far), 1e-10+within/offset)
			density, err := LogDensity(context.Background(), e, dt, away, far)
			if err != nil {
				t.Fatal(err)
			}
			check("ln p in closed form", density, want.LogP, 10*within)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
