// Package flow integrates the probability-flow ODE: encode (data to latent), decode (latent to data), with
// Jacobians and likelihoods along the way.
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
	// Rtol and Atol control each sample alone: the RMS over its coordinates of error / (atol + rtol |x|)
	// is at most 1. 0 means 1e-8.
	Rtol, Atol float64
	// Steps > 0 makes that many equal steps in the path's variable, without control.
	Steps int

	// Tangents [N, P, D] to carry along: Result.Tangents = J T. Jacobian = true carries the identity.
	Tangents *tensor.Dense
	Jacobian bool
	LogP     bool // log density at the data end

	MaxMemory int64             // bytes for the integration's arrays; 0 = a quarter of the engine's free memory, at most 1 GiB
	Progress  func(done, n int) // rows finished so far, called from one goroutine; nil = none
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
