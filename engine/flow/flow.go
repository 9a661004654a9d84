// Package flow integrates the probability-flow ODE: encode (data to latent), decode (latent to data), with
// Jacobians and likelihoods along the way.
//
// The flow is integrated in the variable u of a [schedule.Path] over its finite interval, so that the limit
// tau -> infinity is reached without truncation. A row's state is its point, its tangents and the integral of
// the divergence; all of it lies in the engine's memory, and the host keeps only the rows' times, steps and
// orders. Rows are independent: each has its own steps, the rows that are done leave the batch, and a row's
// result is bitwise the same whatever else is in the call.
//
// One file holds one method: adams.go (the default, with jump.go and land.go for the stretch near the data
// that is known in closed form, and closed.go where that is all), rungekutta.go with a tableau each in euler.go, heun.go, rk4.go and dopri5.go,
// and the exponential integrators in dpm.go.
//
// An engine that makes steps by itself (engine.Stepper, engine.Trajectories) keeps the rows' times, steps and
// orders too, and the host looks at them now and then: whole.go, for Adams's and the Runge-Kutta methods on paths that
// such engines know. The steps are the same.
package flow

import (
	"time"

	"monge/engine/schedule"

	"gorgonia.org/tensor"
)

// Settings of Encode and Decode. The zero value is the default of each field.
type Settings struct {
	Method string        // adams (default), dopri5, heun, rk4, euler, dpm1, dpm2, dpm3
	Path   schedule.Path // nil = trigonometric
	// Tau is the horizon: alpha = exp(-tau). 0 means the limit tau -> infinity.
	Tau float64
	// Rtol and Atol control each sample alone: the RMS over its coordinates of error / (atol + rtol |x|),
	// with x from the law's mean if the law tells it ([dist.Centrer]), is at most 1 in every step, for the point, for each tangent and for the density's integral. 0 means
	// 1e-8, a negative value exactly 0, for one of the two. What is below 64 roundoffs of the type (7e-15,
	// or 4e-6 in float32) is raised to that: differences of slopes hold no more. The encoder expands by up
	// to 1/h where the data are of width h, and so does its error; the decoder likewise about the divide of
	// two modes.
	Rtol, Atol float64
	// Steps > 0 makes that many equal steps in the path's variable, without control. adams takes none; rk4,
	// euler and the dpm methods need them.
	Steps int

	// Tangents [N, P, D] to carry along: Result.Tangents = J T. Jacobian = true carries the identity.
	Tangents *tensor.Dense
	Jacobian bool
	LogP     bool // log density at the data end

	// MaxMemory is the bytes for the integration's arrays; 0 = a quarter of the engine's free memory, at most
	// 1 GiB. Rows are integrated in chunks that fit, of one row at least.
	MaxMemory int64
	Progress  func(done, n int) // rows finished so far, one call at a time; nil = none
}

// Result of Encode or Decode.
type Result struct {
	X        *tensor.Dense // [N, D]
	Jacobian *tensor.Dense // [N, D, D], J_ab = dX_a/dx_b; nil unless asked for
	Tangents *tensor.Dense // [N, P, D]; nil unless given
	LogP     []float64     // [N]; nil unless asked for
	Stats    Stats
}

// Stats counts the work of a flow.
type Stats struct {
	NFEMean  float64 // velocity evaluations a sample; evaluations of responsibilities alone count half
	NFEMax   float64
	Rejected int // steps rejected, all samples together
	Seconds  float64
	Elapsed  time.Duration `json:"-"`
}
