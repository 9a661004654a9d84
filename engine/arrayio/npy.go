package arrayio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

const npyMagic = "\x93NUMPY"

// maxNpyHeader bounds the length of a header; those of numeric arrays take about a hundred bytes.
const maxNpyHeader = 1 << 20

// readNpy reads an array in numpy's own format, versions 1 to 3: float16, float32, float64, integers and
// bool of either byte order, in C or Fortran order. Integers beyond 2^53 are rounded to the nearest
// float64, with a note. The header's claim is held against the bytes that there are before anything is
// allocated, and nothing may follow the array.
//
// The reader is monge's own because of this combination: half precision, memory bounded by the data
// present, also within compressed streams, and errors that name what was found.
//
// Source: numpy.lib.format, NEP 1.
func readNpy(s *stream) (*Array, error) {
	h, err := readNpyHeader(s)
	if err != nil {
		return nil, err
	}
	size := int64(h.dtype.size)
	claim := h.count * size
	if claim > s.most {
		held := fmt.Sprint(s.most)
		if !s.exact {
			held = "at most " + held
		}
		return nil, fmt.Errorf("the data is cut short: shape %s of %d-byte numbers takes %d bytes, the file holds %s",
			shapeString(h.shape), size, claim, held)
	}
	copies := int64(1)
	if h.fortran && len(h.shape) > 1 {
		copies = 2
	}
	if err := fits(h.count, copies, s.limit); err != nil {
		return nil, err
	}
	if s.exact && claim < s.most {
		return nil, fmt.Errorf("%d bytes follow the array", s.most-claim)
	}
	a := &Array{Shape: h.shape}
	rounded, err := a.readNumbers(s, h)
	if err != nil {
		return nil, err
	}
	var one [1]byte
	if n, err := io.ReadFull(s.r, one[:]); n > 0 {
		return nil, errors.New("more bytes follow the array")
	} else if err != io.EOF {
		return nil, err
	}
	if copies == 2 {
		a.Data = rowMajor(a.Data, a.Shape)
	}
	if rounded > 0 {
		a.Notes = append(a.Notes, roundedNote(rounded))
	}
	return a, nil
}

func roundedNote(n int) string {
	return fmt.Sprintf("%d integers beyond 2^53 rounded to float64", n)
}

// readNpyHeader reads up to where the numbers start.
func readNpyHeader(s *stream) (*npyHeader, error) {
	cut := func(err error) error {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return errors.New("not a .npy file: the header is cut short")
		}
		return err
	}
	var pre [8]byte
	n, err := io.ReadFull(s.r, pre[:])
	if n >= len(npyMagic) && string(pre[:len(npyMagic)]) != npyMagic {
		return nil, fmt.Errorf("not a .npy file: it starts with %s", quote(string(pre[:n])))
	}
	if err != nil {
		return nil, cut(err)
	}
	var length [4]byte
	width := 4
	switch major, minor := pre[6], pre[7]; {
	case major == 1 && minor == 0:
		width = 2
	case (major == 2 || major == 3) && minor == 0:
	default:
		return nil, fmt.Errorf(".npy version %d.%d is not supported: want 1.0, 2.0 or 3.0", major, minor)
	}
	if _, err := io.ReadFull(s.r, length[:width]); err != nil {
		return nil, cut(err)
	}
	size := int64(binary.LittleEndian.Uint32(length[:]))
	if size > maxNpyHeader {
		return nil, fmt.Errorf("header of %d bytes: want at most %d", size, maxNpyHeader)
	}
	var text strings.Builder
	got, err := io.Copy(&text, io.LimitReader(s.r, size))
	if err != nil {
		return nil, err
	}
	if got < size {
		return nil, cut(io.EOF)
	}
	s.most -= int64(len(pre)+width) + size
	return parseNpyHeader(text.String())
}

// readNumbers fills a.Data with the header's count of numbers in the file's order, and counts the
// integers that are no float64.
func (a *Array) readNumbers(s *stream, h *npyHeader) (rounded int, err error) {
	const chunk = 1 << 13 // numbers decoded at a time
	size := h.dtype.size
	buf := make([]byte, chunk*size)
	room := h.count
	if !s.exact {
		room = min(room, chunk)
	}
	a.Data = make([]float64, 0, room)
	for left := h.count; left > 0; {
		k := int(min(left, chunk))
		if _, err := io.ReadFull(s.r, buf[:k*size]); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = fmt.Errorf("the data is cut short: shape %s takes %d numbers, the file ends within number %d to %d",
					shapeString(h.shape), h.count, h.count-left+1, h.count-left+int64(k))
			}
			return 0, err
		}
		from := len(a.Data)
		if need := from + k; need > cap(a.Data) {
			grown := make([]float64, from, min(h.count, max(int64(need), 2*int64(cap(a.Data)))))
			copy(grown, a.Data)
			a.Data = grown
		}
		a.Data = a.Data[:from+k]
		rounded += h.dtype.decode(a.Data[from:], buf[:k*size])
		left -= int64(k)
	}
	return rounded, nil
}

// decode converts the numbers in src into dst and counts the integers that had to be rounded.
func (t npyDtype) decode(dst []float64, src []byte) (rounded int) {
	var order binary.ByteOrder = binary.LittleEndian
	if t.big {
		order = binary.BigEndian
	}
	switch {
	case t.kind == 'f' && t.size == 8:
		for i := range dst {
			dst[i] = math.Float64frombits(order.Uint64(src[8*i:]))
		}
	case t.kind == 'f' && t.size == 4:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(order.Uint32(src[4*i:])))
		}
	case t.kind == 'f':
		for i := range dst {
			dst[i] = float16(order.Uint16(src[2*i:]))
		}
	case t.kind == 'b':
		for i := range dst {
			if src[i] != 0 {
				dst[i] = 1
			} else {
				dst[i] = 0
			}
		}
	case t.size == 1 && t.kind == 'i':
		for i := range dst {
			dst[i] = float64(int8(src[i]))
		}
	case t.size == 1:
		for i := range dst {
			dst[i] = float64(src[i])
		}
	case t.size == 2 && t.kind == 'i':
		for i := range dst {
			dst[i] = float64(int16(order.Uint16(src[2*i:])))
		}
	case t.size == 2:
		for i := range dst {
			dst[i] = float64(order.Uint16(src[2*i:]))
		}
	case t.size == 4 && t.kind == 'i':
		for i := range dst {
			dst[i] = float64(int32(order.Uint32(src[4*i:])))
		}
	case t.size == 4:
		for i := range dst {
			dst[i] = float64(order.Uint32(src[4*i:]))
		}
	case t.kind == 'i':
		for i := range dst {
			v := int64(order.Uint64(src[8*i:]))
			dst[i] = float64(v)
			rounded += inexactInt(v)
		}
	default:
		for i := range dst {
			v := order.Uint64(src[8*i:])
			dst[i] = float64(v)
			rounded += inexactUint(v)
		}
	}
	return rounded
}

// inexactInt is 1 where v is no float64.
func inexactInt(v int64) int {
	if v < 0 {
		return inexactUint(-uint64(v))
	}
	return inexactUint(uint64(v))
}

// inexactUint is 1 where v is no float64. The conversion back would overflow for the last 2^10 numbers,
// which round to 2^64.
func inexactUint(v uint64) int {
	if f := float64(v); v > 1<<53 && (f >= 0x1p64 || uint64(f) != v) {
		return 1
	}
	return 0
}

// float16 converts IEEE 754 binary16: sign, 5 bits of exponent, 10 of mantissa.
func float16(b uint16) float64 {
	m := float64(b & 0x3ff)
	var v float64
	switch e := int(b >> 10 & 0x1f); e {
	case 0:
		v = m * 0x1p-24
	case 0x1f:
		v = math.Inf(1)
		if m != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+m, e-25)
	}
	if b&0x8000 != 0 {
		v = -v
	}
	return v
}

// rowMajor reorders numbers from Fortran order, where the first index runs fastest.
func rowMajor(data []float64, shape []int) []float64 {
	if len(data) == 0 {
		return data
	}
	// Seen from the last index the array is in row-major order with the shape reversed, so that walking
	// the target in order needs only a stride for each index.
	out := make([]float64, len(data))
	stride := make([]int, len(shape))
	step := 1
	for k, n := range shape {
		stride[k] = step
		step *= n
	}
	at := make([]int, len(shape))
	last := len(shape) - 1
	for i, from := 0, 0; i < len(out); {
		for j := range shape[last] {
			out[i+j] = data[from+j*stride[last]]
		}
		i += shape[last]
		for k := last - 1; k >= 0; k-- {
			at[k]++
			from += stride[k]
			if at[k] < shape[k] {
				break
			}
			from -= shape[k] * stride[k]
			at[k] = 0
		}
	}
	return out
}
