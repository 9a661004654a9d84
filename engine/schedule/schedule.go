// Package schedule holds the paths from data to noise, x = alpha x0 + sigma e, each in a variable u of its
// own on a finite interval whose end is the limit tau -> infinity.
package schedule

// Path is a curve (alpha, sigma)(u), u from 0 (data: alpha = 1, sigma = 0) to End (latent: alpha = 0,
// sigma = 1). The flow along it is dx/du = alpha' E[x0|x] + sigma' E[e|x], that is
// c1 = alpha', c2 = -sigma sigma', both finite on the whole closed interval.
type Path interface {
	Name() string
	// End is the path's last u.
	End() float64
	// At returns alpha, sigma, c1 = alpha'(u), c2 = -sigma sigma'(u).
	At(u float64) (alpha, sigma, c1, c2 float64)
	// U returns the u at which atan(sigma/alpha) = theta, theta in [0, pi/2].
	U(theta float64) float64
}
