package arrayio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
