package arrayio

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"monge/engine"

	"pgregory.net/rapid"
)

// save writes a file of the given name into a fresh folder.
func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// npy frames a header and data as version 1.0.
func npy(header string, data []byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

func npyHead(descr, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
}

// wantError checks that err is the user's to mend, is one line, names the file, and holds every part.
func wantError(t *testing.T, err error, path string, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	if !errors.Is(err, ErrInput) {
		t.Errorf("%v: does not wrap ErrInput", err)
	}
	msg := err.Error()
	if strings.ContainsAny(msg, "\n\r") {
		t.Errorf("%q: more than one line", msg)
	}
	if !strings.HasPrefix(msg, "arrayio: "+path+": ") {
		t.Errorf("%q: does not start with the room and the file", msg)
	}
	for _, p := range parts {
		if !strings.Contains(msg, p) {
			t.Errorf("%q: does not hold %q", msg, p)
		}
	}
}

// npyCase is an array as numpy may write it, with the numbers that it holds.
type npyCase struct {
	descr   string
	shape   []int
	fortran bool
	bits    []uint64 // in row-major order
	want    []float64
}

// bytes writes the case the slow way: every number is placed by its own index.
func (c npyCase) bytes(version int) []byte {
	size := int(c.descr[2] - '0')
	data := make([]byte, len(c.bits)*size)
	for i, bits := range c.bits {
		at := i
		if c.fortran {
			index := make([]int, len(c.shape))
			for k, left := len(c.shape)-1, i; k >= 0; k-- {
				index[k] = left % c.shape[k]
				left /= c.shape[k]
			}
			at = 0
			for k := len(c.shape) - 1; k >= 0; k-- {
				at = at*c.shape[k] + index[k]
			}
		}
		for b := range size {
			shift := 8 * b
			if c.descr[0] == '>' {
				shift = 8 * (size - 1 - b)
			}
			data[at*size+b] = byte(bits >> shift)
		}
	}
	order := "False"
	if c.fortran {
		order = "True"
	}
	shape := "("
	for _, n := range c.shape {
		shape += fmt.Sprintf("%d, ", n)
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s), }   \n", c.descr, order, shape)
	if version == 1 {
		return npy(header, data)
	}
	b := append([]byte("\x93NUMPY"), byte(version), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	return append(append(b, header...), data...)
}

// half returns the value of binary16 bits by the definition of the format.
func half(bits uint64) float64 {
	sign, e, m := bits>>15, int(bits>>10&31), float64(bits&1023)
	v := math.Pow(2, float64(e-15)) * (1 + m/1024)
	if e == 0 {
		v = math.Pow(2, -14) * m / 1024
	}
	if sign == 1 {
		v = -v
	}
	return v
}

func drawNpy(t *rapid.T) npyCase {
	c := npyCase{
		descr:   rapid.SampledFrom([]string{"<", ">"}).Draw(t, "order") + rapid.SampledFrom([]string{"f2", "f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"}).Draw(t, "type"),
		fortran: rapid.Bool().Draw(t, "fortran"),
		shape:   rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(t, "shape"),
	}
	if rapid.Bool().Draw(t, "bytes") {
		c.descr = rapid.SampledFrom([]string{"|i1", "|u1", "|b1"}).Draw(t, "byte type")
	}
	count := 1
	for _, n := range c.shape {
		count *= n
	}
	size := uint(c.descr[2] - '0')
	for range count {
		bits := rapid.Uint64().Draw(t, "bits") & (math.MaxUint64 >> (64 - 8*size))
		var v float64
		switch c.descr[1:] {
		case "f2":
			if bits>>10&31 == 31 {
				bits &^= 1 << 10
			}
			v = half(bits)
		case "f4":
			if bits>>23&255 == 255 {
				bits &^= 1 << 23
			}
			v = float64(math.Float32frombits(uint32(bits)))
		case "f8":
			if bits>>52&2047 == 2047 {
				bits &^= 1 << 52
			}
			v = math.Float64frombits(bits)
		case "b1":
			bits &= 1
			v = float64(bits)
		case "i1":
			v = float64(int8(bits))
		case "i2":
			v = float64(int16(bits))
		case "i4":
			v = float64(int32(bits))
		case "i8":
			v = float64(int64(bits))
		default:
			v = float64(bits)
		}
		c.bits = append(c.bits, bits)
		c.want = append(c.want, v)
	}
	return c
}

// TestReadNpy reads arrays of every type, order and version, with and without gzip, and finds the bits.
func TestReadNpy(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := drawNpy(t)
		data := c.bytes(rapid.IntRange(1, 3).Draw(t, "version"))
		path := filepath.Join(dir, "a.npy")
		if rapid.Bool().Draw(t, "gzip") {
			path += ".gz"
			data = gzipped(data)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		a, err := ReadTensor(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a.Shape) != fmt.Sprint(c.shape) {
			t.Fatalf("shape %v, want %v", a.Shape, c.shape)
		}
		for i, v := range a.Data {
			if math.Float64bits(v) != math.Float64bits(c.want[i]) {
				t.Fatalf("number %d: %v, want %v", i, v, c.want[i])
			}
		}
	})
}

// TestFloat16 compares every half-precision number with the definition of the format.
func TestFloat16(t *testing.T) {
	for b := range uint64(1 << 16) {
		got := float16(uint16(b))
		if b>>10&31 == 31 {
			if inf := b&1023 == 0; inf != math.IsInf(got, 0) || inf == math.IsNaN(got) {
				t.Fatalf("%#x: %v", b, got)
			}
			continue
		}
		if want := half(b); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%#x: %v, want %v", b, got, want)
		}
	}
}

func TestMalformedNpy(t *testing.T) {
	f8 := make([]byte, 64)
	nan := binary.LittleEndian.AppendUint64(make([]byte, 8*5), math.Float64bits(math.NaN()))
	inf := binary.LittleEndian.AppendUint32(make([]byte, 4), math.Float32bits(float32(math.Inf(-1))))
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"short magic", []byte("\x93NU"), "cut short"},
		{"wrong magic", []byte("x,y\n1,2\n3,4\n"), `starts with "x,y`},
		{"pickle", []byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00"), "not a .npy file"},
		{"version", []byte("\x93NUMPY\x04\x00\x10\x00\x00\x00"), "version 4.0"},
		{"no header", []byte("\x93NUMPY\x01\x00\x10\x00{'descr'"), "cut short"},
		{"header overflow", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'"), "header of 4294967295 bytes"},
		{"object", npy(npyHead("|O", "(1,)"), f8[:8]), `"|O" (Python objects)`},
		{"complex", npy(npyHead("<c16", "(1,)"), f8[:16]), `"<c16" (complex numbers)`},
		{"string", npy(npyHead("<U3", "(1,)"), f8[:12]), `"<U3" (strings)`},
		{"odd size", npy(npyHead("<f3", "(1,)"), f8[:3]), `"<f3"`},
		{"no dtype", npy(npyHead("", "(1,)"), f8[:3]), `dtype ""`},
		{"structured", npy("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,)}", f8[:8]), "[('x', '<f8')]"},
		{"truncated", npy(npyHead("<f8", "(3, 2)"), f8[:47]), "takes 48 bytes, the file holds 47"},
		{"too many rows", npy(npyHead("<f8", "(1000000000000, 2)"), f8), "takes 16000000000000 bytes, the file holds 64"},
		{"overflow", npy(npyHead("<f8", "(4294967296, 4294967296)"), f8), "overflows"},
		{"length overflow", npy(npyHead("<f8", "(99999999999999999999,)"), f8), "overflows"},
		{"negative", npy(npyHead("<f8", "(-1, 2)"), f8), "negative"},
		{"trailing", npy(npyHead("<f8", "(3, 2)"), f8), "16 bytes follow"},
		{"no rows", npy(npyHead("<f8", "(0, 2)"), nil), "no rows"},
		{"no columns", npy(npyHead("<f8", "(2, 0)"), nil), "no columns"},
		{"scalar", npy(npyHead("<f8", "()"), f8[:8]), "shape []"},
		{"rank 3", npy(npyHead("<f8", "(2, 2, 2)"), f8), "shape [2, 2, 2]"},
		{"nan", npy(npyHead("<f8", "(3, 2)"), nan), "row 3, column 2, counted from 1: value NaN"},
		{"inf", npy(npyHead("<f4", "(2,)"), inf), "row 2, column 1, counted from 1: value -inf"},
		{"no dict", npy("[1]", nil), "want {"},
		{"unknown key", npy("{'a': 1}", nil), `unknown key "a"`},
		{"key twice", npy("{'shape': (1,), 'shape': (1,)}", nil), "twice"},
		{"missing key", npy("{'descr': '<f8', 'shape': (1,)}", f8[:8]), "'fortran_order' is missing"},
		{"no end", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,", f8[:8]), "want"},
		{"after end", npy(npyHead("<f8", "(1,)")+"x", f8[:8]), `want the end at "x"`},
		{"no bool", npy("{'fortran_order': 1}", nil), "want True or False"},
		{"open string", npy("{'descr", nil), "want a string"},
		{"float length", npy(npyHead("<f8", "(1.5,)"), f8), "want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, "a.npy", c.data)
			_, err := ReadPoints(path, Options{})
			wantError(t, err, path, c.want)
		})
	}
	t.Run("truncated gzip", func(t *testing.T) {
		z := gzipped(npy(npyHead("<f8", "(3, 2)"), nan))
		path := save(t, "a.npy.gz", z[:len(z)-10])
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, "cut short")
	})
	t.Run("gzip checksum", func(t *testing.T) {
		z := gzipped(npy(npyHead("<f8", "(8,)"), f8))
		z[len(z)-6] ^= 1
		path := save(t, "a.npy.gz", z)
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, "gzip")
	})
	t.Run("not gzip", func(t *testing.T) {
		path := save(t, "a.npy.gz", npy(npyHead("<f8", "(8,)"), f8))
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, "not compressed with gzip")
	})
	t.Run("gzip trailing", func(t *testing.T) {
		path := save(t, "a.npy.gz", gzipped(npy(npyHead("<f8", "(3,)"), f8)))
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, "more bytes follow")
	})
}

// TestNpyAllocation lets headers claim what is not there; what is allocated must stay near the file's size.
func TestNpyAllocation(t *testing.T) {
	claim := npy(npyHead("<f4", "(1000000, 100)"), make([]byte, 1000))
	for name, data := range map[string][]byte{"a.npy": claim, "a.npy.gz": gzipped(claim)} {
		path := save(t, name, data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadPoints(path, Options{})
		runtime.ReadMemStats(&after)
		wantError(t, err, path, "cut short")
		// Buffers of a reader and of gzip are some 200 kB; the claim is 800 MB.
		if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
	}
}

// TestGrowth reads a compressed array of many chunks, whose memory grows with what has come.
func TestGrowth(t *testing.T) {
	data := make([]byte, 100001)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	a, err := ReadPoints(save(t, "a.npy.gz", gzipped(npy(npyHead("|u1", "(100001,)"), data))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range a.Data {
		if v != float64(data[i]) {
			t.Fatalf("number %d: %v, want %d", i, v, data[i])
		}
	}
	path := save(t, "a.npy.gz", gzipped(npy(npyHead("|u1", "(110000,)"), data)))
	_, err = ReadPoints(path, Options{})
	wantError(t, err, path, "cut short", "[110000]")
	path = save(t, "a.npz.gz", gzipped(make([]byte, 100000)))
	_, err = ReadPoints(path, Options{MaxMemory: 5000})
	wantError(t, err, path, "out of memory", "5000")
}

func TestMemoryLimit(t *testing.T) {
	data := npy(npyHead("|u1", "(1000, 10)"), make([]byte, 10000))
	for name, data := range map[string][]byte{
		"a.npy": data, "a.npy.gz": gzipped(data), "a.csv": []byte(strings.Repeat("1,2,3,4\n", 3000)),
	} {
		path := save(t, name, data)
		_, err := ReadPoints(path, Options{MaxMemory: 50000})
		wantError(t, err, path, "out of memory", "50000")
		if m := (*engine.MemoryError)(nil); !errors.As(err, &m) || m.Free != 50000 || m.Asked <= m.Free {
			t.Errorf("%s: %v is no fitting MemoryError", name, err)
		}
		if !errors.Is(err, engine.ErrOutOfMemory) {
			t.Errorf("%s: %v does not wrap ErrOutOfMemory", name, err)
		}
	}
}

func TestRoundedIntegers(t *testing.T) {
	var b []byte
	for _, v := range []uint64{1 << 53, 1<<53 + 1, 1<<53 + 2, math.MaxUint64, 1 << 63, 7} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	path := save(t, "a.npy", npy(npyHead("<u8", "(6,)"), b))
	a, err := ReadPoints(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"2 integers beyond 2^53 rounded to float64"}; fmt.Sprint(a.Notes) != fmt.Sprint(want) {
		t.Errorf("notes %q, want %q", a.Notes, want)
	}
	if a.Data[1] != 0x1p53 || a.Data[3] != 0x1p64 || a.Data[4] != 0x1p63 {
		t.Errorf("numbers %v", a.Data)
	}
	if inexactInt(math.MinInt64) != 0 || inexactInt(-1<<53-1) != 1 || inexactInt(math.MaxInt64) != 1 {
		t.Error("signed integers beyond 2^53 miscounted")
	}
}

func TestImages(t *testing.T) {
	path := save(t, "a.npy", npy(npyHead("|u1", "(2, 3, 4, 5)"), make([]byte, 120)))
	a, err := ReadPoints(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a.Shape) != "[2 60]" || len(a.Notes) != 1 || a.Notes[0] != "images [2, 3, 4, 5] read as rows of 60 numbers" {
		t.Errorf("shape %v, notes %q", a.Shape, a.Notes)
	}
	if s := a.Points().Shape(); s[0] != 2 || s[1] != 60 {
		t.Errorf("tensor of shape %v", s)
	}
}

func TestVector(t *testing.T) {
	one := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.5))
	three := bytes.Repeat(one, 3)
	for _, shape := range []string{"(3,)", "(3, 1)", "(1, 3)"} {
		path := save(t, "w.npy", npy(npyHead("<f8", shape), three))
		v, err := ReadVector(path, Options{})
		if err != nil || fmt.Sprint(v) != "[0.5 0.5 0.5]" {
			t.Errorf("%s: %v, %v", shape, v, err)
		}
	}
	path := save(t, "w.npy", npy(npyHead("<f8", "(3, 2)"), bytes.Repeat(three, 2)))
	_, err := ReadVector(path, Options{})
	wantError(t, err, path, "shape [3, 2]", "vector")
	path = save(t, "w.npy", npy(npyHead("<f8", "(0,)"), nil))
	_, err = ReadVector(path, Options{})
	wantError(t, err, path, "no numbers")
}

func TestTensor(t *testing.T) {
	nan := binary.LittleEndian.AppendUint64(make([]byte, 8*6), math.Float64bits(math.NaN()))
	path := save(t, "v.npy", npy(npyHead("<f8", "(2, 2, 2)"), append(nan, 0, 0, 0, 0, 0, 0, 0, 0)))
	_, err := ReadTensor(path, Options{})
	wantError(t, err, path, "row 2, entry [2, 2, 1], counted from 1: value NaN")
	_, err = ReadTensor(path, Options{Columns: []string{"1"}})
	wantError(t, err, path, "columns can be picked of an array [N, D]")
	path = save(t, "v.npy", npy(npyHead("<f8", "()"), make([]byte, 8)))
	a, err := ReadTensor(path, Options{})
	if err != nil || len(a.Shape) != 0 || len(a.Data) != 1 {
		t.Errorf("a scalar: %v, %v", a, err)
	}
	path = save(t, "v.npy", npy(npyHead(">f4", "(3, 0, 2)"), nil))
	a, err = ReadTensor(path, Options{})
	if err != nil || fmt.Sprint(a.Shape) != "[3 0 2]" || len(a.Data) != 0 {
		t.Errorf("an empty array: %v, %v", a, err)
	}
}

func TestBadPlaces(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "d.npy")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "none.csv")
	for path, want := range map[string]string{
		sub:                        "is a directory",
		missing:                    "no such file",
		filepath.Join(dir, "a.h5"): "unknown extension .h5",
		filepath.Join(dir, "a"):    "no extension",
		"":                         "no extension",
		filepath.Join(dir, "a.gz"): "no extension",
	} {
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, want)
	}
	if _, err := ReadPoints(missing, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
	under := filepath.Join(save(t, "file", []byte("x")), "a.npy")
	_, err := ReadPoints(under, Options{})
	wantError(t, err, under, "not a directory")
}

func TestNpyColumns(t *testing.T) {
	path := save(t, "a.npy", npy(npyHead("|u1", "(2, 4)"), []byte{1, 2, 3, 4, 5, 6, 7, 8}))
	a, err := ReadPoints(path, Options{Columns: []string{"4", "1-2"}})
	if err != nil || fmt.Sprint(a.Shape, a.Data) != "[2 3] [4 1 2 8 5 6]" {
		t.Errorf("%v, %v", a, err)
	}
	_, err = ReadPoints(path, Options{Columns: []string{"x"}})
	wantError(t, err, path, `column "x"`, "no names")
	_, err = ReadPoints(path, Options{Columns: []string{"5"}})
	wantError(t, err, path, `column "5"`, "1 to 4")
	_, err = ReadPoints(path, Options{Columns: []string{"3-2"}})
	wantError(t, err, path, `"3-2"`, "backwards")
}
