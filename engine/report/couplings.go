package report

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"monge/engine"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gorgonia.org/tensor"
)

// CouplingsOptions describes the picture of Couplings. The zero value is the default of each field.
type CouplingsOptions struct {
	Title string
	// RelativeLower and RelativeUpper bracket the relative gap of the encoder's cost; both 0 leave the gap
	// to be taken from the two costs. NaN = not known.
	RelativeLower, RelativeUpper float64
}

// The picture's size in pixels, and the pairs that are drawn, spread evenly over the rows.
const (
	pictureWidth, pictureHeight = 1500, 860
	mostPairs                   = 400
)

// The picture's colours: blue and vermilion of Okabe and Ito, told apart with any colour vision.
var (
	inkData   = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	inkLatent = color.NRGBA{0xe6, 0x7e, 0x00, 0xff}
	inkKept   = color.NRGBA{0x70, 0x78, 0x80, 0x66}
	inkMoved  = color.NRGBA{0xc2, 0x18, 0x5b, 0xff}
	inkText   = color.NRGBA{0x20, 0x24, 0x28, 0xff}
	inkFaint  = color.NRGBA{0x5f, 0x68, 0x70, 0xff}
	inkGrid   = color.NRGBA{0xe8, 0xea, 0xed, 0xff}
)

// Couplings draws as a PNG how an encoder pairs the rows of x [N, D] with those of z [N, D], beside the
// pairing assignment (row of z for each row of x; nil = none was computed). A segment is one pair; a pair
// that the assignment changes stands out in both panels. D = 1 is drawn between two lines, D = 2 in its
// coordinates, and larger D on the two leading principal axes of x, the same for both clouds. The costs
// in the titles are mean squared distances over all pairs in all coordinates.
//
// Above 400 rows every k-th is drawn. It returns an error that wraps engine.ErrShape where the
// shapes differ or an entry of assignment is no row of z, else the writer's.
func Couplings(w io.Writer, x, z *tensor.Dense, assignment []int64, o CouplingsOptions) error {
	p, err := newPairs(x, z, assignment)
	if err != nil {
		return err
	}
	// 96 dots an inch: a pixel is 3/4 of a point.
	const point = 0.75
	canvas := vgimg.NewWith(
		vgimg.UseWH(pictureWidth*point, pictureHeight*point),
		vgimg.UseDPI(96),
		vgimg.UseBackgroundColor(color.White),
	)
	p.draw(draw.New(canvas), &o)
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("report: couplings: %w", err)
	}
	return nil
}

// pairs is what a picture of couplings shows.
type pairs struct {
	n, d       int
	x, z       [][2]float64 // every row, projected
	rows       []int        // rows drawn
	assignment []int64
	moved      int           // rows that the assignment moves, of all
	cost       [2]float64    // encoder, optimal
	axis       [2]string     // axis labels
	area       [2][2]float64 // smallest and largest coordinate along each axis
}

func newPairs(x, z *tensor.Dense, assignment []int64) (*pairs, error) {
	xs, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, fmt.Errorf("report: couplings: %w", err)
	}
	zs, nz, dz, err := engine.Matrix(z)
	if err != nil {
		return nil, fmt.Errorf("report: couplings: %w", err)
	}
	if nz != n || dz != d || n == 0 || d == 0 {
		return nil, fmt.Errorf("report: couplings: points [%d, %d] and latents [%d, %d]: %w", n, d, nz, dz, engine.ErrShape)
	}
	if assignment != nil && len(assignment) != n {
		return nil, fmt.Errorf("report: couplings: assignment of %d rows for %d points: %w", len(assignment), n, engine.ErrShape)
	}

	p := &pairs{n: n, d: d, assignment: assignment}
	for i := range n {
		p.cost[0] += squared(xs[i*d:(i+1)*d], zs[i*d:(i+1)*d]) / float64(n)
		if assignment == nil {
			continue
		}
		j := assignment[i]
		if j < 0 || j >= int64(n) {
			return nil, fmt.Errorf("report: couplings: assignment of row %d is %d: %w", i, j, engine.ErrShape)
		}
		p.cost[1] += squared(xs[i*d:(i+1)*d], zs[int(j)*d:(int(j)+1)*d]) / float64(n)
		if p.changes(i) {
			p.moved++
		}
	}
	drawn := min(n, mostPairs)
	for i := range drawn {
		p.rows = append(p.rows, i*n/drawn)
	}
	p.project(xs, zs)
	return p, nil
}

func (p *pairs) changes(i int) bool {
	return p.assignment != nil && p.assignment[i] != int64(i)
}

func squared(x, y []float64) (s float64) {
	for k, v := range x {
		s += (v - y[k]) * (v - y[k])
	}
	return s
}

// project takes both clouds to the plane and measures the area that the drawn rows fill.
func (p *pairs) project(xs, zs []float64) {
	p.x, p.z = make([][2]float64, p.n), make([][2]float64, p.n)
	switch p.d {
	case 1:
		p.axis = [2]string{"x", ""}
		for i := range p.n {
			p.x[i], p.z[i] = [2]float64{xs[i], 1}, [2]float64{zs[i], 0}
		}
	case 2:
		p.axis = [2]string{"coordinate 1", "coordinate 2"}
		for i := range p.n {
			p.x[i], p.z[i] = [2]float64(xs[2*i:]), [2]float64(zs[2*i:])
		}
	default:
		axes, share := principalAxes(xs, p.n, p.d)
		for a, v := range axes {
			p.axis[a] = fmt.Sprintf("principal axis %d of the data (%.3g %% of its variance)", a+1, 100*share[a])
			for i := range p.n {
				for k, c := range v {
					p.x[i][a] += c * xs[i*p.d+k]
					p.z[i][a] += c * zs[i*p.d+k]
				}
			}
		}
	}
	for a := range p.area {
		lo, hi := math.Inf(1), math.Inf(-1)
		grow := func(v float64) { lo, hi = math.Min(lo, v), math.Max(hi, v) }
		for _, i := range p.rows {
			grow(p.x[i][a])
			grow(p.z[i][a])
			if p.assignment != nil {
				grow(p.z[p.assignment[i]][a])
			}
		}
		pad := 0.04*(hi-lo) + 1e-9*math.Max(1, math.Abs(hi))
		p.area[a] = [2]float64{lo - pad, hi + pad}
	}
	if p.d == 1 {
		p.area[1] = [2]float64{-0.12, 1.12}
	}
}
