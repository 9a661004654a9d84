package bound_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/bound"
	"monge/engine/dist"
)

func open(t testing.TB) engine.Engine {
	t.Helper()
	e := cpu.New(cpu.Options{})
	t.Cleanup(func() { e.Close() })
	return e
}

func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.9g, want %.9g within %g", what, got, want, tol)
	}
}

// sigmoid is the process of Kwon, Fan and Lee's experiment.
func sigmoid(t testing.TB) *bound.Process {
	t.Helper()
	p, err := bound.Discrete(bound.Sigmoid(10, 1e-5, 1e-2))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSigmoidExperiment holds the numbers of the paper's set-up with the exact score: the floor of the loss of noise
// prediction, a mean over the two coordinates, and the intercepts of the lines over the loss.
func TestSigmoidExperiment(t *testing.T) {
	p := sigmoid(t)
	sum := 0.
	for _, m := range p.Times() {
		sum += m.Rate
	}
	near(t, "sum of beta", sum, .05005, 1e-12)
	near(t, "alpha^2 at the end", p.End().Alpha*p.End().Alpha, .95098, 5e-6)
	r, err := bound.Estimate(t.Context(), open(t), p, isotropic(t, 2, .1), bound.Settings{Marginal: true, Clouds: -1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "log floor", math.Log(r.JDSM/2), .95973, 5e-6)
	near(t, "intercept", r.SDE.LogIntercept, -1.37023, 5e-6)
	if r.JSM != 0 || r.SDE.Theorem != 0 {
		t.Errorf("the exact score has loss %v and bound %v", r.JSM, r.SDE.Theorem)
	}
	// Four narrow clusters, with the Lipschitz constants of a grid of spacing .1, which misses the steepest place.
	clusters, err := dist.Clusters(.0125)
	if err != nil {
		t.Fatal(err)
	}
	r, err = bound.Estimate(t.Context(), open(t), p, clusters, bound.Settings{Marginal: true, Lipschitz: bound.AllPairs, Spacing: .1, Samples: 2, Clouds: -1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "intercept of the clusters", r.SDE.LogIntercept, 14.097, 5e-4)
}

// TestOrder holds W2 <= Alekseev-Groebner <= theorem <= corollary of the ODE, and W2 <= theorem <= corollary of the
// stochastic equation, on uneven spectra.
func TestOrder(t *testing.T) {
	for _, d := range []int{2, 64, 3072} {
		if testing.Short() && d > 64 {
			continue
		}
		for _, power := range []float64{.5, 1, 2} {
			l := make([]float64, d)
			mean := make([]float64, d)
			for k := range l {
				l[k] = math.Pow(float64(k+1), -power)
				mean[k] = float64(k%3 - 1)
			}
			c, err := dist.Diagonal(l)
			if err != nil {
				t.Fatal(err)
			}
			law, err := dist.NewGaussian(mean, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, delta := range []float64{-.1, .05, .3} {
				r, err := bound.Estimate(t.Context(), open(t), ddpm(t), law, bound.Settings{Delta: delta, Clouds: -1})
				if err != nil {
					t.Fatal(err)
				}
				const slack = 1 + 1e-9 // quadrature and rounding; equalities occur
				if !(r.ODEW2 <= slack*r.Posterior && r.Posterior <= slack*r.ODE.Theorem && r.ODE.Theorem <= slack*r.ODE.Corollary) {
					t.Errorf("d %d, lambda k^-%v, delta %v: ODE %v, posterior %v, theorem %v, corollary %v", d, power, delta, r.ODEW2, r.Posterior, r.ODE.Theorem, r.ODE.Corollary)
				}
				if !(r.SDEW2 <= slack*r.SDE.Theorem && r.SDE.Theorem <= slack*r.SDE.Corollary) {
					t.Errorf("d %d, lambda k^-%v, delta %v: SDE %v, theorem %v, corollary %v", d, power, delta, r.SDEW2, r.SDE.Theorem, r.SDE.Corollary)
				}
			}
		}
	}
}

// twin is a Gaussian as a mixture of two equal components, which hides from the code that it is one.
func twin(t testing.TB, mean, vars []float64) *dist.Mixture {
	t.Helper()
	c, err := dist.Diagonal(vars)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dist.NewMixture([]float64{.3, .7}, [][]float64{mean, mean}, []*dist.Covariance{c})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSampledIsExact compares what samples, trajectories and samplers give for a law that is a Gaussian in disguise with
// the closed forms.
func TestSampledIsExact(t *testing.T) {
	if testing.Short() {
		t.Skip("many samples at many times")
	}
	mean, vars := []float64{.5, -1, 0}, []float64{.04, .5, 3}
	c, err := dist.Diagonal(vars)
	if err != nil {
		t.Fatal(err)
	}
	law, err := dist.NewGaussian(mean, c)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*bound.Process{"linear": ddpm(t), "discrete": sigmoid(t)} {
		for _, method := range []string{bound.Analytic, bound.ByPower, bound.AllPairs} {
			s := bound.Settings{Delta: .1, Samples: 4096, Clouds: -1, Lipschitz: method}
			exact, err := bound.Estimate(t.Context(), open(t), p, law, s)
			if err != nil {
				t.Fatal(err)
			}
			r, err := bound.Estimate(t.Context(), open(t), p, twin(t, mean, vars), s)
			if err != nil {
				t.Fatal(err)
			}
			what := name + " " + method
			// Four standard errors of a mean of 4096 samples.
			near(t, what+": J_SM", r.JSM, exact.JSM, 4*r.JSMError)
			if r.JSMError > .03*r.JSM || exact.JSMError != 0 {
				t.Errorf("%s: standard errors %v and %v", what, r.JSMError, exact.JSMError)
			}
			// The Hessian is the same everywhere: every eigenvalue found is exact, and pairs lie below it.
			tol := 1e-9 * math.Abs(exact.Lipschitz)
			if method == bound.AllPairs {
				tol = .05 * math.Abs(exact.Lipschitz)
			}
			near(t, what+": L_s", r.Lipschitz, exact.Lipschitz, tol)
			if exact.Rigorous != (method == bound.Analytic && !p.Discrete()) {
				t.Errorf("%s: rigorous %v", what, exact.Rigorous)
			}
			// The coupling by the flow is optimal for a Gaussian; 1024 samples stand for the law.
			near(t, what+": start", r.Curves.Start, exact.Curves.Start, .08*exact.Curves.Start)
			if p.Discrete() {
				continue
			}
			near(t, what+": posterior", r.Posterior-r.ODE.Offset, exact.Posterior-exact.ODE.Offset, .08*exact.Posterior)
		}
	}
}

// TestSamplers compares the variances of samples with those of the linear recursions. A variance of 20,000 normal
// samples has a relative standard error of .01.
func TestSamplers(t *testing.T) {
	if testing.Short() {
		t.Skip("many samples")
	}
	const n = 20000
	law := isotropic(t, 1, .25)
	for name, p := range map[string]*bound.Process{"linear": ddpm(t), "discrete": sigmoid(t)} {
		m, err := bound.NewScaled(open(t), engine.F64, law, .3)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		g := bound.NewGaussian(law, .3)
		for _, sde := range []bool{true, false} {
			x := engine.Points(make([]float64, n), n, 1).Data().([]float64)
			end, err := dist.Isotropic(1, p.End().Alpha*p.End().Alpha*.25+p.End().Sigma*p.End().Sigma)
			if err != nil {
				t.Fatal(err)
			}
			start, err := dist.NewGaussian([]float64{0}, end)
			if err != nil {
				t.Fatal(err)
			}
			copy(x, start.Sample(5, n).Data().([]float64))
			want := g.ODE(p, false)
			if sde {
				err = p.Ancestral(t.Context(), m, x, 1000, 7, nil)
				want = g.SDE(p, false)
			} else {
				err = p.Flow(t.Context(), m, x, 200)
			}
			if err != nil {
				t.Fatal(err)
			}
			var square float64
			for _, v := range x {
				square += v * v / n
			}
			got := math.Abs(math.Sqrt(square) - .5)
			near(t, fmt.Sprintf("%s, sde %v: W2", name, sde), got, want, 4*.01*.5/2*1.2)
		}
	}
}

// TestLipschitzBelowAnalytic holds grid <= analytic, with equality half-way between two equal components.
func TestLipschitzBelowAnalytic(t *testing.T) {
	c, err := dist.Isotropic(2, .01)
	if err != nil {
		t.Fatal(err)
	}
	law, err := dist.NewMixture(nil, [][]float64{{-.5, 0}, {.5, 0}}, []*dist.Covariance{c})
	if err != nil {
		t.Fatal(err)
	}
	m, err := bound.NewScaled(open(t), engine.F64, law, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	for _, at := range sigmoid(t).Times() {
		l := law.OneSided()(at.Alpha, at.Sigma)
		grid, err := bound.Grid(m, at, -1, 1, .1)
		if err != nil {
			t.Fatal(err)
		}
		if grid > l*(1+1e-12) {
			t.Errorf("step %d: grid %v above %v", at.Step, grid, l)
		}
		y := make([]float64, 2)
		if err := m.Symmetric(y, []float64{0, 0}, []float64{1, 0}, at); err != nil {
			t.Fatal(err)
		}
		near(t, "slope at the midpoint", y[0]/l, 1, 1e-12)
	}
}

func TestEstimateErrors(t *testing.T) {
	e, p := open(t), ddpm(t)
	g1 := dist.G1()
	for name, f := range map[string]func() error{
		"delta": func() error {
			_, err := bound.Estimate(t.Context(), e, p, g1, bound.Settings{Delta: -1})
			return err
		},
		"method": func() error {
			_, err := bound.Estimate(t.Context(), e, p, g1, bound.Settings{Lipschitz: "guess"})
			return err
		},
		"unequal covariances": func() error {
			law := twinned(t)
			_, err := bound.Estimate(t.Context(), e, p, law, bound.Settings{})
			return err
		},
		"network in continuous time": func() error {
			n, err := bound.NewNetwork(2, nil, 10, 1)
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Model(p)
			return err
		},
	} {
		if err := f(); !errors.Is(err, bound.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, b := range [][]float64{nil, {0}, {.1, 1}, {.1, math.NaN()}, {-.1}} {
		if _, err := bound.Discrete(b); !errors.Is(err, bound.ErrProcess) {
			t.Errorf("betas %v: %v", b, err)
		}
	}
	for _, b := range [][3]float64{{.1, 20, 0}, {-1, 20, 1}, {0, 0, 1}, {.1, math.Inf(1), 1}, {.1, 20, math.NaN()}, {1, 1, 1e6}} {
		if _, err := bound.Linear(b[0], b[1], b[2]); !errors.Is(err, bound.ErrProcess) {
			t.Errorf("rates %v: %v", b, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bound.Estimate(ctx, e, p, g1, bound.Settings{Lipschitz: bound.ByPower}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// twinned is a mixture of unequal covariances.
func twinned(t testing.TB) *dist.Mixture {
	t.Helper()
	a, err := dist.Isotropic(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := dist.Isotropic(2, 2)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dist.NewMixture(nil, [][]float64{{0, 0}, {1, 0}}, []*dist.Covariance{a, b})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ExampleEstimate bounds the distance between data N(0, 1/4) and a model whose score is 5 % too large.
func ExampleEstimate() {
	c, _ := dist.Isotropic(1, .25)
	law, _ := dist.NewGaussian([]float64{0}, c)
	p, _ := bound.Linear(.1, 20, 1)
	e := cpu.New(cpu.Options{})
	defer e.Close()
	r, err := bound.Estimate(context.Background(), e, p, law, bound.Settings{Delta: .05, Clouds: -1})
	if err != nil {
		panic(err)
	}
	fmt.Printf("SDE: W2 %.6f <= %.6f <= %.6f\n", r.SDEW2, r.SDE.Theorem, r.SDE.Corollary)
	fmt.Printf("ODE: W2 %.6f <= %.6f <= %.6f\n", r.ODEW2, r.ODE.Theorem, r.ODE.Corollary)
	// Output:
	// SDE: W2 0.023269 <= 0.045370 <= 0.080609
	// ODE: W2 0.124328 <= 0.124340 <= 0.124762
}
