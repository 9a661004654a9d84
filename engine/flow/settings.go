package flow

import (
	"errors"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/schedule"
)

// ErrSettings is wrapped by the errors of Settings that do not fit together; their text names the field.
var ErrSettings = errors.New("settings do not fit")

// Methods returns the names that Settings.Method knows.
func Methods() []string {
	return []string{"adams", "dopri5", "heun", "rk4", "euler", "dpm1", "dpm2", "dpm3"}
}

// plan is a Settings with its defaults filled in.
type plan struct {
	Settings
	u0, u1 float64 // the path's ends: data, and the horizon
	theta1 float64 // angle of the horizon
	width  float64 // the law's least, 0 = not known
	dir    float64 // +1 encodes (u0 to u1), -1 decodes
}

// floorEps is the smallest tolerance in units of roundoff: below it the error estimates, differences of up
// to thirteen slopes, hold roundoff alone and every step would be rejected.
const floorEps = 64

func newPlan(s *Settings, t engine.Dtype, dir float64) (*plan, error) {
	p := &plan{dir: dir}
	if s != nil {
		p.Settings = *s
	}
	if p.Method == "" {
		p.Method = "adams"
	}
	if p.Path == nil {
		p.Path = schedule.Trig{}
	}
	for _, f := range []struct {
		name string
		v    float64
	}{{"Tau", p.Tau}, {"Rtol", p.Rtol}, {"Atol", p.Atol}} {
		if math.IsNaN(f.v) {
			return nil, fmt.Errorf("flow: %s is not a number: %w", f.name, ErrSettings)
		}
	}
	if p.Tau < 0 {
		return nil, fmt.Errorf("flow: Tau %g is negative: %w", p.Tau, ErrSettings)
	}
	if p.Steps < 0 {
		return nil, fmt.Errorf("flow: Steps %d is negative: %w", p.Steps, ErrSettings)
	}
	switch p.Method {
	case "adams":
		if p.Steps > 0 {
			return nil, fmt.Errorf("flow: method adams chooses its own steps, Steps must be 0, not %d: %w", p.Steps, ErrSettings)
		}
	case "dopri5", "heun":
	case "rk4", "euler", "dpm1", "dpm2", "dpm3":
		if p.Steps == 0 {
			return nil, fmt.Errorf("flow: method %s has no error control, Steps must be positive: %w", p.Method, ErrSettings)
		}
	default:
		return nil, fmt.Errorf("flow: no method %q: %w", p.Method, ErrSettings)
	}
	if p.Rtol < 0 && p.Atol < 0 {
		return nil, fmt.Errorf("flow: Rtol and Atol are both switched off: %w", ErrSettings)
	}
	p.Rtol, p.Atol = tolerance(p.Rtol), tolerance(p.Atol)
	if floor := floorEps * t.Eps(); math.Max(p.Rtol, p.Atol) < floor {
		p.Atol = floor
	}
	p.theta1, p.u1 = math.Pi/2, p.Path.End()
	if p.Tau > 0 && !math.IsInf(p.Tau, 1) {
		p.theta1 = schedule.Angle(p.Tau)
		p.u1 = p.Path.U(p.theta1)
	}
	return p, nil
}

func tolerance(v float64) float64 {
	switch {
	case v == 0:
		return 1e-8
	case v < 0:
		return 0
	}
	return v
}

// limit says whether the horizon is the latent end itself.
func (p *plan) limit() bool { return p.u1 >= p.Path.End() }

// tol is the one number that stands for both tolerances where the state's size is not at hand: points
// along the flow are of the order of 1.
func (p *plan) tol() float64 { return math.Max(p.Rtol, p.Atol) }

// theta returns the angle atan(sigma/alpha) of u.
func (p *plan) theta(u float64) float64 {
	a, s, _, _ := p.Path.At(u)
	return math.Atan2(s, a)
}

// norm returns sqrt(alpha^2 + sigma^2) at the horizon: what divides the path's state to make it the
// variance preserving one.
func (p *plan) norm() float64 {
	a, s, _, _ := p.Path.At(p.u1)
	return math.Hypot(a, s)
}

// unit is the length in u that stands for one radian of the trigonometric path.
func (p *plan) unit() float64 { return p.Path.End() / (math.Pi / 2) }
