package dist

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// table makes the law that a table describes, by its kind.
func (l *loader) table(t *table) (Distribution, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	defer l.leave()
	kind := t.text("kind")
	if t.err != nil {
		return nil, t.err
	}
	var law Distribution
	switch kind {
	case "gaussian":
		law = t.gaussian()
	case "mixture":
		law = t.mixture()
	case "points":
		law = t.points()
	case "scale-mixture":
		law = t.scaleMixture()
	case "product":
		law = t.product()
	case "copies":
		law = t.copies()
	case "brenier":
		law = t.brenier()
	case "density":
		law = t.density()
	default:
		t.fail("kind", "%q: want gaussian, mixture, points, scale-mixture, product, copies, brenier or density", kind)
	}
	t.rest(kind)
	if t.err != nil {
		return nil, t.err
	}
	return law, nil
}

// make keeps a constructor's error.
func (t *table) make(key string, law Distribution, err error) Distribution {
	t.failWith(key, err)
	return law
}

// single is make for a mixture, which with one component is a Gaussian.
func (t *table) single(key string, m *Mixture, err error) Distribution {
	if err != nil || m.Components() > 1 {
		return t.make(key, m, err)
	}
	_, mean, cov := m.Component(0)
	law, err := NewGaussian(mean, cov)
	return t.make(key, law, err)
}

func (t *table) gaussian() Distribution {
	mean := t.vector("mean")
	key := t.oneOf("cov", "diag", "var")
	var cov *Covariance
	switch key {
	case "cov":
		cov = t.full(key, t.rows(key), len(mean))
	case "diag":
		cov = t.diagonal(key, t.positives(key), len(mean))
	case "var":
		cov = t.isotropic(key, t.positive(key), len(mean))
	}
	if t.err != nil {
		return nil
	}
	law, err := NewGaussian(mean, cov)
	return t.make("mean", law, err)
}

func (t *table) mixture() Distribution {
	means := t.rows("means")
	weights := t.weights(len(means))
	key := t.oneOf("cov", "covs", "diag", "diags", "var", "vars")
	if t.err != nil {
		return nil
	}
	d := len(means[0])
	var covs []*Covariance
	switch key {
	case "cov":
		covs = append(covs, t.full(key, t.rows(key), d))
	case "diag":
		covs = append(covs, t.diagonal(key, t.positives(key), d))
	case "var":
		covs = append(covs, t.isotropic(key, t.positive(key), d))
	case "covs":
		covs = t.fulls(key, len(means), d)
	case "diags":
		rows := t.rows(key)
		t.length(key, len(rows), len(means))
		for i, r := range rows {
			name := fmt.Sprintf("%s[%d]", key, i)
			t.allPositive(name, r)
			covs = append(covs, t.diagonal(name, r, d))
		}
	case "vars":
		vars := t.positives(key)
		t.length(key, len(vars), len(means))
		for i, v := range vars {
			covs = append(covs, t.isotropic(fmt.Sprintf("%s[%d]", key, i), v, d))
		}
	}
	if t.err != nil {
		return nil
	}
	law, err := NewMixture(weights, means, covs)
	return t.single("means", law, err)
}

func (t *table) length(key string, got, want int) {
	if got != want {
		t.fail(key, "%d of them, want %d, as many as means", got, want)
	}
}

// fulls reads K matrices: a list of matrices or files, or one file of all of them, as table.stack.
// Equal ones are factored once.
func (t *table) fulls(key string, k, d int) []*Covariance {
	v := t.take(key)
	if t.err != nil {
		return nil
	}
	var matrices [][][]float64
	switch x := v.(type) {
	case string:
		matrices = t.stack(key, x, k, d)
	case []any:
		t.length(key, len(x), k)
		for i, v := range x {
			matrices = append(matrices, t.asRows(fmt.Sprintf("%s[%d]", key, i), v))
		}
	default:
		t.fail(key, "%s: want a list of matrices or a file", show(v))
	}
	if t.err != nil {
		return nil
	}
	covs := make([]*Covariance, len(matrices))
	for i, m := range matrices {
		same := slices.IndexFunc(matrices[:i], func(o [][]float64) bool { return slices.EqualFunc(o, m, slices.Equal[[]float64]) })
		if same >= 0 {
			covs[i] = covs[same]
			continue
		}
		covs[i] = t.full(fmt.Sprintf("%s[%d]", key, i), m, d)
	}
	return covs
}

func (t *table) full(key string, rows [][]float64, d int) *Covariance {
	c := t.square(key, rows, d)
	if t.err != nil {
		return nil
	}
	cov, err := Full(c)
	t.failWith(key, err)
	return cov
}

func (t *table) diagonal(key string, vars []float64, d int) *Covariance {
	if t.err == nil && len(vars) != d {
		t.fail(key, "%d variances, want %d", len(vars), d)
	}
	if t.err != nil {
		return nil
	}
	cov, err := Diagonal(vars)
	t.failWith(key, err)
	return cov
}

func (t *table) isotropic(key string, v float64, d int) *Covariance {
	if t.err != nil {
		return nil
	}
	cov, err := Isotropic(d, v)
	t.failWith(key, err)
	return cov
}

func (t *table) points() Distribution {
	h := t.positive("bandwidth")
	name := t.text("file")
	if t.err != nil {
		return nil
	}
	data, n, d := t.array("file", name)
	weights := t.weights(n)
	if t.err != nil {
		return nil
	}
	law, err := NewPoints(engine.Points(data, n, d), weights, h)
	return t.make("file", law, err)
}

func (t *table) scaleMixture() Distribution {
	d := t.count("d", maxDim)
	scales := t.positives("scales")
	weights := t.weights(len(scales))
	if t.err != nil {
		return nil
	}
	law, err := NewScaleMixture(d, weights, scales)
	return t.single("scales", law, err)
}

func (t *table) product() Distribution {
	var factors []Distribution
	for i, v := range t.list("factors") {
		if t.err != nil {
			return nil
		}
		factors = append(factors, t.law(fmt.Sprintf("factors[%d]", i), v))
	}
	if t.err != nil {
		return nil
	}
	law, err := NewProduct(factors...)
	if t.failWith("factors", err); t.err != nil || !t.has("rotation") {
		return law
	}
	rows := t.rows("rotation")
	if t.err != nil {
		return nil
	}
	r := mat.NewDense(len(rows), len(rows[0]), slices.Concat(rows...))
	law, err = NewRotation(law, r)
	return t.make("rotation", law, err)
}

func (t *table) copies() Distribution {
	m := t.count("m", math.MaxInt32)
	v := t.take("of")
	if t.err != nil {
		return nil
	}
	of := t.law("of", v)
	if t.err != nil {
		return nil
	}
	law, err := NewCopies(of, m)
	return t.make("m", law, err)
}

func (t *table) brenier() Distribution {
	eps := t.number("eps")
	if t.err != nil {
		return nil
	}
	law, err := NewBrenier(eps)
	return t.make("eps", law, err)
}

// density reads terms = [{weight, poly = [[coefficient, one power a coordinate], ..]}, ..].
func (t *table) density() Distribution {
	var terms []Term
	for i, v := range t.list("terms") {
		key := fmt.Sprintf("terms[%d]", i)
		m, ok := v.(map[string]any)
		if t.err == nil && !ok {
			t.fail(key, "%s: want a table with weight and poly", show(v))
		}
		if t.err != nil {
			return nil
		}
		inner := &table{loader: t.loader, file: t.file, prefix: t.prefix + key + ".", dir: t.dir, m: m}
		term := Term{Weight: inner.positive("weight")}
		for j, row := range inner.rows("poly") {
			powers := make([]int, len(row)-1)
			for k, q := range row[1:] {
				if powers[k] = int(q); float64(powers[k]) != q || q < 0 || q > maxPower {
					inner.fail(fmt.Sprintf("poly[%d][%d]", j, k+1), "%v: want a whole power from 0 to %d", q, maxPower)
				}
			}
			term.Poly = append(term.Poly, Monomial{Coef: row[0], Powers: powers})
		}
		inner.rest("density")
		if t.err = inner.err; t.err != nil {
			return nil
		}
		terms = append(terms, term)
	}
	if t.err != nil {
		return nil
	}
	law, err := NewDensity(terms)
	return t.make("terms", law, err)
}

// law makes a law that is part of another: a table, or a name or file beside this one.
func (t *table) law(key string, v any) Distribution {
	var law Distribution
	var err error
	switch x := v.(type) {
	case map[string]any:
		// The inner table names the file and the whole key itself.
		law, err = t.table(&table{loader: t.loader, file: t.file, prefix: t.prefix + key + ".", dir: t.dir, m: x})
		if err != nil && t.err == nil {
			t.err = err
		}
	case string:
		law, err = t.spec(x, t.dir)
		t.failWith(key, err)
	default:
		t.fail(key, "%s: want a table, a name or a file", show(v))
	}
	return law
}
