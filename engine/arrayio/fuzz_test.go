package arrayio

import (
	"archive/zip"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// fuzzLimit is the memory that a reader may take for an array while fuzzed.
const fuzzLimit = 1 << 20

// checkFuzzed holds what every array that was read must be.
func checkFuzzed(t *testing.T, a *Array, err error) {
	if err != nil {
		return
	}
	count := 1
	for _, n := range a.Shape {
		count *= n
	}
	if count != len(a.Data) || count > fuzzLimit/8 {
		t.Fatalf("%d numbers of shape %v within %d bytes", len(a.Data), a.Shape, fuzzLimit)
	}
}

// seed adds the files of testdata that match.
func seed(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzNpy(f *testing.F) {
	seed(f, "*.npy")
	f.Add(npy(npyHead("<f8", "(1000000000000, 2)"), make([]byte, 64)))
	f.Add(npy(npyHead("<f8", "(4294967296, 4294967296, 0)"), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		exact, err1 := readNpy(&stream{r: bytes.NewReader(data), most: int64(len(data)), exact: true, limit: fuzzLimit})
		checkFuzzed(t, exact, err1)
		grown, err2 := readNpy(&stream{r: bytes.NewReader(data), most: math.MaxInt64, limit: fuzzLimit})
		checkFuzzed(t, grown, err2)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("with the size known: %v; without: %v", err1, err2)
		}
	})
}

func FuzzNpz(f *testing.F) {
	seed(f, "*.npz")
	f.Add(zipped(f, member{"x.npy", zip.Deflate, npy(npyHead("|u1", "(2, 2)"), []byte{1, 2, 3, 4})}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := readNpz(bytes.NewReader(data), int64(len(data)), fuzzLimit, "")
		checkFuzzed(t, a, err)
	})
}

func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"1,2\n3,4\n", "\ufeffx,y\r\n\r\n# c\r\n1,\"2\"\r\n", "x,1\n", "a,b,c\n1,2,x\n", "1e999\n", "nan,1", "\"", ",\n,\n", "1\t2\n",
	} {
		f.Add([]byte(text), "")
		f.Add([]byte(text), "1-2")
	}
	f.Fuzz(func(t *testing.T, data []byte, pick string) {
		var picks []string
		if pick != "" {
			picks = []string{pick}
		}
		for _, comma := range []rune{',', '\t'} {
			a, err := readCSV(&stream{r: bytes.NewReader(data), limit: fuzzLimit}, comma, picks)
			checkFuzzed(t, a, err)
			if err != nil {
				continue
			}
			var b bytes.Buffer
			if err := writeCSV(&b, byte(comma), a.Shape, a.Data); err != nil {
				t.Fatal(err)
			}
			again, err := readCSV(&stream{r: &b, limit: fuzzLimit}, comma, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range a.Data {
				if math.Float64bits(v) != math.Float64bits(again.Data[i]) {
					t.Fatalf("number %d: %v read back as %v", i, v, again.Data[i])
				}
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	seed(f, "*.parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := readParquet(bytes.NewReader(data), int64(len(data)), fuzzLimit, nil)
		checkFuzzed(t, a, err)
	})
}
