package cpu

import (
	"monge/engine"
	"monge/engine/rng"
)

// Normal implements engine.Engine.
func (e *Engine) Normal(out engine.Buffer, seed, stream, offset uint64) error {
	if err := engine.CheckNormal(out); err != nil {
		return err
	}
	switch x := out.(type) {
	case *buffer[float64]:
		rng.Normals(x.data, seed, stream, offset)
	case *buffer[float32]:
		var part [strip]float64
		for i := 0; i < len(x.data); i += strip {
			s := part[:min(strip, len(x.data)-i)]
			rng.Normals(s, seed, stream, offset+uint64(i))
			convert(x.data[i:i+len(s)], s)
		}
	default:
		return own(out)
	}
	return nil
}
