package report

import (
	"bytes"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"monge/engine"

	"gorgonia.org/tensor"
)

// twoClusters draws points of two tilted clusters and latents that turn a little on the way, so that
// some crossings can be undone; the pairing returned undoes those between two rows at a time.
func twoClusters(n, d int) (x, z *tensor.Dense, assignment []int64) {
	r := rand.New(rand.NewPCG(3, 4))
	xs, zs := make([]float64, n*d), make([]float64, n*d)
	for i := range n {
		s := 1.5
		if i%4 < 2 {
			s = -s
		}
		a, b := r.NormFloat64(), r.NormFloat64()
		row := xs[i*d : (i+1)*d]
		for k := range row {
			row[k] = 0.3 * r.NormFloat64()
		}
		row[0] = s + 0.67*a
		if d > 1 {
			row[1] = 0.67*a + 0.22*b
		}
		for k, v := range row {
			zs[i*d+k] = 0.6 * v
		}
		if d > 1 {
			c, sn := math.Cos(0.9), math.Sin(0.9)
			u, v := 0.55*row[0], 1.3*row[1]
			zs[i*d], zs[i*d+1] = c*u-sn*v, sn*u+c*v
		}
	}
	assignment = make([]int64, n)
	for i := range assignment {
		assignment[i] = int64(i)
	}
	cost := func(i int, j int64) float64 { return squared(xs[i*d:(i+1)*d], zs[int(j)*d:(int(j)+1)*d]) }
	for range 4 {
		for i := range n {
			for k := range i {
				if cost(i, assignment[k])+cost(k, assignment[i]) < cost(i, assignment[i])+cost(k, assignment[k])-1e-12 {
					assignment[i], assignment[k] = assignment[k], assignment[i]
				}
			}
		}
	}
	return engine.Points(xs, n, d), engine.Points(zs, n, d), assignment
}

func TestCouplingsPicture(t *testing.T) {
	for _, c := range []struct {
		name string
		n, d int
		with bool
	}{{"line", 80, 1, true}, {"plane", 400, 2, true}, {"subsampled", 1500, 2, true}, {"axes", 300, 7, true}, {"none", 300, 3, false}, {"one", 1, 2, true}} {
		t.Run(c.name, func(t *testing.T) {
			x, z, a := twoClusters(c.n, c.d)
			if !c.with {
				a = nil
			}
			if c.with && c.n > 1 {
				a[0], a[1] = a[1], a[0] // rows 0 and 1 are drawn, and their pairs differ
			}
			var b, again bytes.Buffer
			if err := Couplings(&b, x, z, a, CouplingsOptions{Title: "G1"}); err != nil {
				t.Fatal(err)
			}
			if err := Couplings(&again, x, z, a, CouplingsOptions{Title: "G1"}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), again.Bytes()) {
				t.Error("two pictures of the same pairs differ")
			}
			if dir := os.Getenv("MONGE_PICTURES"); dir != "" {
				if err := os.WriteFile(dir+"/"+c.name+".png", b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			img, err := png.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}
			size := img.Bounds()
			if size.Dx() != 1500 || size.Dy() != 860 {
				t.Errorf("size %v, want 1500 x 860", size)
			}
			// Each half of the picture shows both clouds where a pairing exists, and only the left half does
			// where none was computed.
			for half := range 2 {
				data, latent, moved := 0, 0, 0
				for y := 75; y < size.Dy()-45; y++ {
					for px := half * 750; px < (half+1)*750; px++ {
						switch color.NRGBAModel.Convert(img.At(px, y)) {
						case inkData:
							data++
						case inkLatent:
							latent++
						case inkMoved:
							moved++
						}
					}
				}
				if want := half == 0 || c.with; (data > 0) != want || (latent > 0) != want {
					t.Errorf("half %d: %d pixels of data and %d of latents", half, data, latent)
				}
				if want := c.with && c.n > 1; (moved > 0) != want {
					t.Errorf("half %d: %d pixels of pairs that differ", half, moved)
				}
			}
		})
	}
}

func TestCouplingsRefuses(t *testing.T) {
	x, z, a := twoClusters(10, 2)
	short, _, _ := twoClusters(9, 2)
	wild := append([]int64(nil), a...)
	wild[3] = 10
	for name, err := range map[string]error{
		"rows":       Couplings(io.Discard, short, z, nil, CouplingsOptions{}),
		"assignment": Couplings(io.Discard, x, z, a[:9], CouplingsOptions{}),
		"row of z":   Couplings(io.Discard, x, z, wild, CouplingsOptions{}),
	} {
		if !errors.Is(err, engine.ErrShape) {
			t.Errorf("%s: %v, want ErrShape", name, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	p := &pairs{n: 200, d: 2, cost: [2]float64{1.01, 1}, assignment: make([]int64, 200), moved: 30, rows: make([]int, 200)}
	for _, c := range []struct {
		o    CouplingsOptions
		want string
	}{
		{CouplingsOptions{}, "200 points in 2 dimensions; the encoder's cost is 1 % above the optimum; 30 of 200 pairs change (15 %)"},
		{CouplingsOptions{RelativeLower: 0.01, RelativeUpper: 0.05}, "200 points in 2 dimensions; the encoder's cost is 1 to 5 % above the optimum; 30 of 200 pairs change (15 %)"},
		{CouplingsOptions{RelativeLower: 0, RelativeUpper: 1e-12}, "200 points in 2 dimensions; the encoder's pairing is optimal on this cloud; 30 of 200 pairs change (15 %)"},
		{CouplingsOptions{RelativeLower: math.NaN(), RelativeUpper: 1}, "200 points in 2 dimensions; 30 of 200 pairs change (15 %)"},
	} {
		if got := p.verdict(&c.o); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
