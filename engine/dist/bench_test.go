package dist

import (
	"testing"

	"monge/engine"
)

// BenchmarkEval measures velocities of 256 rows, in the middle of the path.
func BenchmarkEval(b *testing.B) {
	points := must(NewPoints(Digits(), nil, DigitsBandwidth))
	mixture := must(points.mixture())
	var factors []Distribution
	for i := range 256 {
		factors = append(factors, must(NewScaleMixture(1, nil, []float64{.5 + float64(i)/256, 2})))
	}
	for _, c := range []struct {
		name string
		bind func(e engine.Engine) (Field, error)
	}{
		{"digits/points", func(e engine.Engine) (Field, error) { return points.bind(e, engine.F64, points.centre) }},
		{"digits/mixture", func(e engine.Engine) (Field, error) { return mixture.bind(e, engine.F64) }},
		{"copies", func(e engine.Engine) (Field, error) { return must(NewCopies(G1(), 128)).Bind(e, engine.F64) }},
		{"product", func(e engine.Engine) (Field, error) { return must(NewProduct(factors...)).Bind(e, engine.F64) }},
		{"gaussian3072", func(e engine.Engine) (Field, error) { return must(RandomGaussian(3072, 1)).Bind(e, engine.F64) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = 256
			e := openEngine(b)
			f := must(c.bind(e))
			defer f.Free()
			d := f.Dim()
			coef := make([]float64, 0, 4*n)
			for range n {
				coef = append(coef, .6, .8, -.8, -.48)
			}
			r := &Request{Coef: upload(b, e, 1, n, 4, coef), X: zeros(b, e, 1, n, d), V: zeros(b, e, 1, n, d)}
			if err := e.Normal(r.X, 1, 2, 0); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := f.Eval(r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "us/row")
		})
	}
}
