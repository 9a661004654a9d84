package arrayio

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// Weights are named arrays of a .safetensors file, the format in which the weights of networks are kept: eight bytes of
// the header's length, a JSON header with each array's type, shape and place, and the numbers, little-endian.
type Weights map[string]Weight

// Weight is one array in row-major order.
type Weight struct {
	Shape []int
	Data  []float64
}

// safetensor is one entry of the header.
type safetensor struct {
	Dtype   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Limits on what a header may claim.
const (
	maxSafetensorsHeader = 100 << 20 // of the format's own definition
	safetensorsAlign     = 8
)

// ReadSafetensors reads all arrays of type F64, F32 or F16 of a .safetensors file; others are an error.
func ReadSafetensors(path string) (Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(path, openError(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, readError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, inputf(path, "not a file")
	}
	w, err := readSafetensors(f, info.Size())
	if err != nil {
		return nil, readError(path, err)
	}
	return w, nil
}

func readSafetensors(r io.ReaderAt, size int64) (Weights, error) {
	var head [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("not a .safetensors file: %w", err)
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxSafetensorsHeader || int64(length) > size-8 {
		return nil, fmt.Errorf("not a .safetensors file: a header of %d bytes in a file of %d", length, size)
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, 8); err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := fits(size, 4, available()); err != nil {
		return nil, err
	}
	w := Weights{}
	for name, entry := range raw {
		if name == "__metadata__" {
			continue
		}
		var t safetensor
		if err := json.Unmarshal(entry, &t); err != nil {
			return nil, fmt.Errorf("header: array %s: %w", quote(name), err)
		}
		data, err := t.read(r, 8+int64(length), size)
		if err != nil {
			return nil, fmt.Errorf("array %s: %w", quote(name), err)
		}
		w[name] = Weight{Shape: t.Shape, Data: data}
	}
	return w, nil
}

func (t *safetensor) read(r io.ReaderAt, base, size int64) ([]float64, error) {
	width := map[string]int64{"F64": 8, "F32": 4, "F16": 2}[t.Dtype]
	if width == 0 {
		return nil, fmt.Errorf("type %s: want F64, F32 or F16", quote(t.Dtype))
	}
	count := int64(1)
	for _, n := range t.Shape {
		if n < 0 || n > 0 && count > size/int64(n) {
			return nil, fmt.Errorf("shape %v in a file of %d bytes", t.Shape, size)
		}
		count *= int64(n)
	}
	lo, hi := t.Offsets[0], t.Offsets[1]
	if lo < 0 || hi < lo || hi > size-base || hi-lo != count*width {
		return nil, fmt.Errorf("bytes %d to %d of %d for %d numbers of %d bytes", lo, hi, size-base, count, width)
	}
	bytes := make([]byte, hi-lo)
	if _, err := r.ReadAt(bytes, base+lo); err != nil {
		return nil, err
	}
	data := make([]float64, count)
	for i := range data {
		switch width {
		case 8:
			data[i] = math.Float64frombits(binary.LittleEndian.Uint64(bytes[8*i:]))
		case 4:
			data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:])))
		default:
			data[i] = float16(binary.LittleEndian.Uint16(bytes[2*i:]))
		}
	}
	return data, nil
}

// WriteSafetensors writes arrays as F64, in the order of their names.
func WriteSafetensors(w io.Writer, arrays Weights) error {
	names := make([]string, 0, len(arrays))
	header := map[string]safetensor{}
	for name := range arrays {
		names = append(names, name)
	}
	slices.Sort(names)
	var at int64
	for _, name := range names {
		a := arrays[name]
		next := at + 8*int64(len(a.Data))
		header[name] = safetensor{Dtype: "F64", Shape: a.Shape, Offsets: [2]int64{at, next}}
		at = next
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%safetensorsAlign != 0 { // so that the numbers are aligned
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, name := range names {
		if err := binary.Write(w, binary.LittleEndian, arrays[name].Data); err != nil {
			return err
		}
	}
	return nil
}
