package arrayio

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// member is a file of an archive.
type member struct {
	name   string
	method uint16
	data   []byte
}

func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: m.method})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(m.data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadNpz(t *testing.T) {
	x := npy(npyHead("|u1", "(2, 2)"), []byte{1, 2, 3, 4})
	y := npy(npyHead("|u1", "(1, 2)"), []byte{5, 6})
	two := zipped(t, member{"x.npy", zip.Store, x}, member{"y.npy", zip.Deflate, y}, member{"readme.txt", zip.Store, nil})
	for _, c := range []struct {
		name, key, want string
		data            []byte
	}{
		{"a.npz", "x", "[2 2] [1 2 3 4]", two},
		{"a.npz", "y", "[1 2] [5 6]", two},
		{"a.npz", "y.npy", "[1 2] [5 6]", two},
		{"a.npz.gz", "y", "[1 2] [5 6]", gzipped(two)},
		{"a.NPZ", "", "[1 2] [5 6]", zipped(t, member{"arr_0.npy", zip.Deflate, y})},
		{"a.npz", "", "[2 2] [1 2 3 4]", zipped(t, member{"arr_0.npy", zip.Store, x})},
	} {
		a, err := ReadPoints(save(t, c.name, c.data), Options{Key: c.key})
		if err != nil {
			t.Errorf("%s %s: %v", c.name, c.key, err)
		} else if got := fmt.Sprint(a.Shape, a.Data); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.key, got, c.want)
		}
	}
}

func TestMalformedNpz(t *testing.T) {
	x := npy(npyHead("|u1", "(2, 2)"), []byte{1, 2, 3, 4})
	one := zipped(t, member{"x.npy", zip.Store, x})
	two := zipped(t, member{"x.npy", zip.Store, x}, member{"y.npy", zip.Store, x})
	sum := bytes.Clone(one)
	sum[bytes.Index(sum, x)+len(x)-1] ^= 1
	method := bytes.Clone(one)
	at := bytes.Index(method, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint16(method[at+10:], 99)
	secret := bytes.Clone(one)
	secret[at+8] |= 1
	for _, c := range []struct {
		name, key string
		data      []byte
		want      string
	}{
		{"not zip", "", x, "not a .npz file"},
		{"cut", "", two[:len(two)-30], "not a .npz file"},
		{"no arrays", "", zipped(t, member{"x.txt", zip.Store, x}), "no .npy array"},
		{"choose", "", two, "choose one by --key: x, y"},
		{"wrong key", "z", two, `key "z": no such array among x, y`},
		{"same name", "x", zipped(t, member{"x.npy", zip.Store, x}, member{"x.npy", zip.Store, x}), "two arrays"},
		{"member", "", zipped(t, member{"x.npy", zip.Store, []byte("abcdefghijk")}), `array "x.npy": not a .npy file`},
		{"member cut", "", zipped(t, member{"x.npy", zip.Deflate, x[:len(x)-1]}), "cut short"},
		{"claim", "", zipped(t, member{"x.npy", zip.Store, npy(npyHead("<f8", "(99999999, 9)"), make([]byte, 80))}), "cut short"},
		{"trailing", "", zipped(t, member{"x.npy", zip.Store, append(bytes.Clone(x), 0)}), "1 bytes follow"},
		{"checksum", "", sum, "checksum"},
		{"method", "", method, "unsupported compression"},
		{"encrypted", "", secret, "encrypted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, "a.npz", c.data)
			_, err := ReadPoints(path, Options{Key: c.key})
			wantError(t, err, path, c.want)
		})
	}
}
