package arrayio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// archive is a .safetensors file with the given header and numbers.
func archive(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestSafetensors(t *testing.T) {
	want := Weights{
		"b":     {Shape: []int{2, 3}, Data: []float64{1, -2, math.Pi, 1e-300, 0, math.Inf(1)}},
		"a.x":   {Shape: []int{1}, Data: []float64{7}},
		"empty": {Shape: []int{0, 4}, Data: []float64{}},
	}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, want); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d arrays, want %d", len(got), len(want))
	}
	for name, w := range want {
		if g := got[name]; !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Data, w.Data) {
			t.Errorf("%s: %v, want %v", name, g, w)
		}
	}
	// The types of other writers, and their metadata: 1.5 as F32, -2 as F16.
	other := archive(`{"__metadata__":{"format":"pt"},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"h":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}}`,
		0, 0, 0xc0, 0x3f, 0, 0xc0)
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err = ReadSafetensors(path); err != nil || len(got) != 2 || got["s"].Data[0] != 1.5 || got["h"].Data[0] != -2 {
		t.Errorf("other types: %v, %v", got, err)
	}
}

func TestSafetensorsErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	for _, c := range []struct {
		file []byte
		want string
	}{
		{nil, "not a .safetensors file"},
		{[]byte("12345678"), "a header of"},
		{archive(`{"a":`), "header"},
		{archive(`{"a":3}`), `array "a"`},
		{archive(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8)...), `"I64"`},
		{archive(`{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)...), "bytes 0 to 8"},
		{archive(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}`, make([]byte, 8)...), "bytes 8 to 16"},
		{archive(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[-8,0]}}`), "bytes -8 to 0"},
		{archive(`{"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,0]}}`), "shape [-1]"},
		{archive(`{"a":{"dtype":"F64","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}`, make([]byte, 8)...), "shape"},
	} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadSafetensors(path)
		if err == nil || !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v, want one with the path and %q", c.file, err, c.want)
		}
	}
	if _, err := ReadSafetensors(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrInput) {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadSafetensors(t.TempDir()); !errors.Is(err, ErrInput) {
		t.Errorf("a directory: %v", err)
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(archive(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0xc0, 0x3f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		w, err := readSafetensors(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteSafetensors(&b, w); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := readSafetensors(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
