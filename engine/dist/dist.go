// Package dist holds the laws whose diffusion is known in closed form: Gaussians, mixtures, smoothed
// points, scale mixtures, and products, copies and rotations of them. [Load] makes them from names and files.
package dist

import (
	"monge/engine"

	"gorgonia.org/tensor"
)

// Distribution is a probability law on R^D whose posterior mean and score under Gaussian noise are known.
type Distribution interface {
	Dim() int
	// Sample draws n points [n, D]. Point i depends on (seed, i) alone.
	Sample(seed uint64, n int) *tensor.Dense
	// Bind makes the law's velocity field on an engine, with parameters in the given type.
	Bind(e engine.Engine, t engine.Dtype) (Field, error)
}

// Field is a law bound to an engine. One field serves one goroutine, as its engine does.
type Field interface {
	Dim() int
	// Eval evaluates the flow's velocity at rows that each have their own time.
	Eval(r *Request) error
	// Free gives the field's device memory back.
	Free()
}

// Request asks a Field for the quantities of [engine.Mixture], for any law: with x = alpha x0 + sigma e,
// the velocity v = c1 E[x0|x] + c2 grad log p(x). nil outputs are not wanted.
type Request struct {
	Coef engine.Buffer // alpha, sigma, c1, c2 [1, N, engine.CoefCount]
	X    engine.Buffer // [1, N, D]
	T    engine.Buffer // tangents [N, P, D], with TV

	V    engine.Buffer // velocity [1, N, D]
	TV   engine.Buffer // dv/dx on the tangents [N, P, D]
	Div  engine.Buffer // trace of dv/dx [1, N, 1]
	LogP engine.Buffer // log density of the law of x [1, N, 1]
}

// Jumper is a Field of components whose own flows are known in closed form. Near the data a row belongs
// to one component (one a block, for products), and moves with it alone.
type Jumper interface {
	Field
	// Branches is the count of component indices that a row's branch holds: 1, or one a block.
	Branches() int
	// Dominant writes into branch, I32 [1, N, Branches], the components with the largest responsibility
	// for the rows x [1, N, D] at the times of coef.
	Dominant(branch, coef, x engine.Buffer) error
	// Follow moves rows along their branch's flow, as [engine.MixtureFollow]; for products Others sums
	// over the blocks.
	Follow(f *Follow) error
}

// Follow is the request of Jumper.Follow; its fields are those of [engine.MixtureFollow], with Branch
// I32 [1, N, Branches].
type Follow struct {
	Branch                   engine.Buffer
	From, To                 engine.Buffer
	X, T                     engine.Buffer
	Y, V, TY, LogDet, Others engine.Buffer
}

// GaussianLaw is implemented by laws that are exactly Gaussian, for closed forms and bounds.
type GaussianLaw interface {
	Distribution
	// Spectrum returns the mean and the covariance's eigenvalues, in any order.
	Spectrum() (mean, eigenvalues []float64)
	// Apply computes dst = f(C) x, a function of the covariance, as Covariance.Apply.
	Apply(dst, x []float64, f func(l float64) float64)
}
