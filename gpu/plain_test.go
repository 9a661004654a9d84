//go:build !((cuda || emu) && cgo)

package gpu

import (
	"errors"
	"testing"

	"monge/engine"
)

func TestUnbuilt(t *testing.T) {
	if e, err := Open(Options{}); e != nil || !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("%v, error %v", e, err)
	}
	if list, err := Devices(); len(list) != 0 || !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("%v, error %v", list, err)
	}
}
