package schedule

import (
	"fmt"
	"math"
	"strings"
)

// Names returns the names that ByName knows.
func Names() []string {
	return []string{"trig", "linear", "cosine", "constant", "ve", "rf"}
}

// ByName returns the path of that name with its default parameters; "" is trig.
func ByName(name string) (Path, error) {
	switch name {
	case "", "trig":
		return Trig{}, nil
	case "linear":
		return Linear{}, nil
	case "cosine":
		return Cosine{}, nil
	case "constant":
		return Constant{}, nil
	case "ve":
		return VE{}, nil
	case "rf":
		return RF{}, nil
	}
	return nil, fmt.Errorf("schedule: no schedule %q: want one of %s", name, strings.Join(Names(), ", "))
}

// Angle returns theta = acos(exp(-tau)), tau >= 0, the angle of the horizon tau; +Inf gives pi/2. It goes
// through expm1, as the arc cosine loses half of the digits for small tau.
func Angle(tau float64) float64 {
	return math.Atan2(math.Sqrt(-math.Expm1(-2*tau)), math.Exp(-tau))
}

// Tau returns tau = -ln cos theta, theta in [0, pi/2], the inverse of Angle; pi/2 gives +Inf.
func Tau(theta float64) float64 {
	if theta >= math.Pi/2 {
		return math.Inf(1)
	}
	if theta > 1 {
		return -math.Log(math.Cos(theta))
	}
	s := math.Sin(theta / 2)
	return -math.Log1p(-2 * s * s)
}
