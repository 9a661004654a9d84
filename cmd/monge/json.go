package main

import (
	"encoding/json"
	"math"

	"monge/engine"
	"monge/engine/flow"
)

// number is a float64 whose NaN and infinities are null in JSON.
type number float64

func (v number) MarshalJSON() ([]byte, error) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

// UnmarshalJSON reads null as NaN.
func (v *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(v))
}

// count is an integer that is null where it does not apply, that is where it is negative.
type count int

func (c count) MarshalJSON() ([]byte, error) {
	if c < 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int(c))
}

func marshal(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}

// engineJSON says where a result was computed.
type engineJSON struct {
	Name    string `json:"name"`
	Device  string `json:"device"`
	Dtype   string `json:"dtype"`
	Threads int    `json:"threads"`
}

func describeEngine(e engine.Engine, t engine.Dtype) engineJSON {
	info := e.Info()
	return engineJSON{Name: info.Name, Device: info.Device, Dtype: t.String(), Threads: info.Threads}
}

// flowJSON says how the flow was integrated and what it took.
type flowJSON struct {
	Method   string `json:"method"`
	Schedule string `json:"schedule"`
	Rtol     number `json:"rtol"`
	Atol     number `json:"atol"`
	Steps    count  `json:"steps"`
	NFEMean  number `json:"nfe_mean"`
	NFEMax   number `json:"nfe_max"`
	Rejected int    `json:"rejected"`
	Seconds  number `json:"seconds"`
}

func describeFlow(f *flowFlags, s flow.Stats) flowJSON {
	j := flowJSON{
		Method: f.method, Schedule: f.schedule, Rtol: number(f.rtol), Atol: number(f.atol), Steps: -1,
		NFEMean: number(s.NFEMean), NFEMax: number(s.NFEMax), Rejected: s.Rejected, Seconds: number(s.Seconds),
	}
	if f.steps > 0 { // nothing is controlled then
		j.Rtol, j.Atol, j.Steps = number(math.NaN()), number(math.NaN()), count(f.steps)
	}
	return j
}

// jacobianJSON is the asymmetry of an encoder's Jacobian.
type jacobianJSON struct {
	AsymMean number `json:"asym_mean"`
	AsymMax  number `json:"asym_max"`
	Points   int    `json:"points"`
	Probes   int    `json:"probes"`
}

// compareJacobianJSON adds what exact Jacobians tell.
type compareJacobianJSON struct {
	jacobianJSON
	// MinEigenvalue is the smallest one of (J + J^T)/2 over the points; null where directions were probed.
	MinEigenvalue number `json:"min_eigenvalue"`
}
