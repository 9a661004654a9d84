package arrayio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

// TestOtherWriters reads what numpy and pyarrow wrote; testdata/make.py tells how.
func TestOtherWriters(t *testing.T) {
	halves := "[5 3] [0.5 1.5 2.5 10.5 11.5 12.5 20.5 21.5 22.5 30.5 31.5 32.5 40.5 41.5 42.5] []"
	whole := strings.ReplaceAll(halves, ".5", "")
	one := strings.Repeat(" 1", 11)[1:]
	for names, want := range map[string]string{
		"le-f2.npy be-f4.npy le-f8.npy fortran.npy version2.npy version3.npy gzip.npy.gz one.npz":         halves,
		"none.parquet snappy.parquet gzip.parquet zstd.parquet lz4.parquet brotli.parquet pages2.parquet": halves,
		"le-i1.npy be-i2.npy le-i4.npy le-i8.npy le-u1.npy le-u2.npy be-u4.npy le-u8.npy":                 whole,
		"bool.npy":      "[5 3] [0 1 0 0 1 0 0 1 0 0 1 0 0 1 0] []",
		"rank3.npy":     "[2 3 4] [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23] []",
		"types.parquet": "[3 11] [" + one + strings.ReplaceAll(" "+one, "1", "0") + " " + one + "] []",
	} {
		for _, name := range strings.Fields(names) {
			a, err := ReadTensor(filepath.Join("testdata", name), Options{})
			if err != nil {
				t.Error(err)
			} else if got := fmt.Sprint(a.Shape, a.Data, a.Notes); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	for name, want := range map[string]string{
		"object.npy":     "Python objects",
		"structured.npy": "[('x', '<f8'), ('y', '<i4')]",
		"complex.npy":    "complex",
		"string.npy":     "strings",
		"date.npy":       "dates",
		"longdouble.npy": "<f16",
		"two.npz":        "x, y",
		"null.parquet":   `row 2, column 1 ("x"): the value is null`,
		"nan.parquet":    `row 2, column 1 ("x"), counted from 1: value NaN`,
		"string.parquet": `column 2 ("name"): type STRING`,
		"list.parquet":   `column 1 ("x"): nested`,
		"struct.parquet": `column 1 ("x"): nested`,
		"time.parquet":   `column 1 ("x"): type TIMESTAMP`,
		"empty.parquet":  "no rows",
	} {
		path := filepath.Join("testdata", name)
		_, err := ReadPoints(path, Options{})
		wantError(t, err, path, want)
	}
}

func TestParquetColumns(t *testing.T) {
	for _, c := range []struct{ name, columns, want string }{
		{"snappy", "z,x", "[5 2] [2.5 0.5 12.5 10.5 22.5 20.5 32.5 30.5 42.5 40.5]"},
		{"snappy", "2-3", "[5 2] [1.5 2.5 11.5 12.5 21.5 22.5 31.5 32.5 41.5 42.5]"},
		{"string", "x", "[2 1] [1.5 2.5]"},
		{"struct", "y", "[2 1] [3 4]"},
	} {
		path := filepath.Join("testdata", c.name+".parquet")
		a, err := ReadPoints(path, Options{Columns: strings.Split(c.columns, ",")})
		if err != nil {
			t.Error(err)
		} else if got := fmt.Sprint(a.Shape, a.Data); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.columns, got, c.want)
		}
	}
	path := filepath.Join("testdata", "snappy.parquet")
	_, err := ReadPoints(path, Options{Columns: []string{"w"}})
	wantError(t, err, path, `column "w"`, "x, y, z")
}

func TestMalformedParquet(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "none.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	footer := bytes.Clone(good)
	binary.LittleEndian.PutUint32(footer[len(footer)-8:], 1<<31)
	// A list of 2^31 - 1 row groups, and a string as long.
	list := []byte("PAR1\x49\xfc\xff\xff\xff\xff\x07\x00\x08\x00\x00\x00PAR1")
	text := []byte("PAR1\x68\xff\xff\xff\xff\x07\x00\x00\x08\x00\x00\x00PAR1")
	deep := append([]byte("PAR1"), bytes.Repeat([]byte{0x19, 0x19}, 1000)...)
	deep = append(binary.LittleEndian.AppendUint32(deep, 2000), "PAR1"...)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"short", []byte("PAR1PAR1"), "too short"},
		{"magic", []byte("x,y\n1,2\n3,4\n5,6\n"), `starts with "x,y\n"`},
		{"cut", good[:len(good)-20], "cut short"},
		{"footer length", footer, "metadata of 2147483648 bytes"},
		{"list length", list, "malformed"},
		{"string length", text, "malformed"},
		{"deep", deep, "malformed"},
		{"no metadata", []byte("PAR1\x00\x00\x00\x00PAR1"), "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, "a.parquet", c.data)
			_, err := ReadPoints(path, Options{})
			wantError(t, err, path, c.want)
		})
	}
}

// TestDamagedParquet changes every byte of small files in turn. Whatever the decoder makes of it, there is
// an array or an error, and little memory was taken.
func TestDamagedParquet(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine")
	}
	for _, name := range []string{"snappy", "pages2"} {
		good, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			for _, flip := range []byte{0x80, 0xff} {
				data := bytes.Clone(good)
				data[i] ^= flip
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				a, err := readParquet(bytes.NewReader(data), int64(len(data)), 1<<20, nil)
				runtime.ReadMemStats(&after)
				if err == nil && len(a.Data) != a.Shape[0]*a.Shape[1] {
					t.Fatalf("%s, byte %d: %d numbers of shape %v", name, i, len(a.Data), a.Shape)
				}
				// The decoder's own buffers take 0.4 MB.
				if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
					t.Errorf("%s, byte %d: %d bytes allocated, %v", name, i, got, err)
				}
			}
		}
	}
}

// TestPageClaims holds page headers that claim what the file has not against it.
func TestPageClaims(t *testing.T) {
	for _, c := range []struct {
		uncompressed, compressed, values int64
		want                             string
	}{
		{8, 8, 1, ""},
		{8, 9, 1, "page of 9 bytes where 8 are left"},
		{8, -1, 1, "page of -1 bytes"},
		{math.MaxInt32, 8, 1, "uncompressed to 2147483647"},
		{-1, 8, 1, "uncompressed to -1"},
		{8, 8, math.MaxInt32, "page of 2147483647 values"},
		{8, 8, -1, "page of -1 values"},
		{1 << 21, 8, 1, "out of memory"},
		{8, 8, 1 << 20, "out of memory"},
	} {
		page := []byte{0x15, 0} // field 1, type: data page
		page = binary.AppendVarint(append(page, 0x15), c.uncompressed)
		page = binary.AppendVarint(append(page, 0x15), c.compressed)
		page = binary.AppendVarint(append(page, 0x2c, 0x15), c.values) // field 5, its field 1
		page = append(page, 0, 0)
		page = append(page, make([]byte, 8)...)
		size := int64(len(page))
		err := scanParquetPages(bytes.NewReader(page), size, 1<<20, &format.ColumnMetaData{TotalCompressedSize: size})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
	for _, m := range []format.ColumnMetaData{{DataPageOffset: -1}, {DataPageOffset: 9}, {TotalCompressedSize: 9}, {TotalCompressedSize: -1}, {TotalCompressedSize: 8}} {
		if err := scanParquetPages(bytes.NewReader(bytes.Repeat([]byte{0xff}, 8)), 8, 1<<20, &m); err == nil {
			t.Errorf("%+v: no error", m)
		}
	}
}
