package arrayio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// names lists a folder.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range entries {
		s = append(s, e.Name())
	}
	return strings.Join(s, " ")
}

// TestRoundTrip writes numbers in every format and reads the same bits back.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		ext := rapid.SampledFrom([]string{".npy", ".npz", ".csv", ".tsv", ".parquet"}).Draw(t, "ext")
		maxRank := 2
		if ext == ".npy" || ext == ".npz" {
			maxRank = 4
		}
		shape := rapid.SliceOfN(rapid.IntRange(1, 12), 1, maxRank).Draw(t, "shape")
		if rapid.Bool().Draw(t, "gzip") {
			ext += ".gz"
		}
		count := 1
		for _, n := range shape {
			count *= n
		}
		path := filepath.Join(dir, "a"+ext)
		out := Outputs{Force: true}
		defer out.Abort()
		if err := out.Declare(path, len(shape)); err != nil {
			t.Fatal(err)
		}
		want := make([]float64, count)
		if rapid.Bool().Draw(t, "ints") {
			ints := make([]int64, count)
			for i := range ints {
				ints[i] = rapid.Int64Range(-1<<53, 1<<53).Draw(t, "int")
				want[i] = float64(ints[i])
			}
			if err := out.WriteInts(path, shape, ints); err != nil {
				t.Fatal(err)
			}
		} else {
			for i := range want {
				want[i] = rapid.Float64().Draw(t, "float")
			}
			if err := out.Write(path, shape, want); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
		a, err := ReadTensor(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(shape) == 1 && len(a.Shape) == 2 {
			shape = append(shape, 1) // a table has rank 2
		}
		if fmt.Sprint(a.Shape) != fmt.Sprint(shape) {
			t.Fatalf("shape %v, want %v", a.Shape, shape)
		}
		for i, v := range a.Data {
			if math.Float64bits(v) != math.Float64bits(want[i]) {
				t.Fatalf("number %d: %v, want %v", i, v, want[i])
			}
		}
	})
	if got := names(t, dir); strings.Contains(got, "tmp") {
		t.Errorf("temporary files stay: %s", got)
	}
}

// TestManyRows crosses the chunks of the readers and writers, the pages and row groups of .parquet.
func TestManyRows(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine")
	}
	const n, d = 20001, 61
	want := make([]float64, n*d)
	for i := range want {
		want[i] = float64(i) / 3
	}
	dir := t.TempDir()
	for _, name := range []string{"a.npy", "a.npz.gz", "a.parquet"} {
		path := filepath.Join(dir, name)
		out := Outputs{}
		if err := errors.Join(out.Declare(path, 2), out.Write(path, []int{n, d}, want), out.Commit()); err != nil {
			t.Fatal(err)
		}
		a, err := ReadPoints(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a.Shape) != fmt.Sprint([]int{n, d}) {
			t.Fatalf("%s: shape %v", name, a.Shape)
		}
		for i, v := range a.Data {
			if v != want[i] {
				t.Fatalf("%s: number %d is %v, want %v", name, i, v, want[i])
			}
		}
	}
}

func TestDeclare(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"old.npy", "file"} {
		if err := os.WriteFile(at(name), []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("dir.npy"), 0o777); err != nil {
		t.Fatal(err)
	}
	out := Outputs{}
	err := out.Declare(at("old.npy"), 2)
	wantError(t, err, at("old.npy"), "exists", "--force")
	if !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v does not wrap ErrExists", err)
	}
	wantError(t, out.Declare(at("a.mat"), 2), at("a.mat"), "unknown extension .mat")
	wantError(t, out.Declare(at("a"), 2), at("a"), "no extension")
	wantError(t, out.Declare(at("j.csv"), 3), at("j.csv"), "rank 3", ".npy")
	wantError(t, out.Declare(at("dir.npy"), 2), at("dir.npy"), "is a directory")
	wantError(t, out.DeclareFile(at("a.txt"), ".json"), at("a.txt"), `".txt"`, ".json")
	// A place that cannot be written is the system's failure, not the user's.
	for _, path := range []string{at("none/a.npy"), at("file/a.npy")} {
		err := out.Declare(path, 2)
		if err == nil || errors.Is(err, ErrInput) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: want an error of the system that names %s", err, path)
		}
	}
	if err := out.Declare(at("a.npy"), 2); err != nil {
		t.Error(err)
	}
	wantError(t, out.Declare(at("a.npy"), 2), at("a.npy"), "two outputs")
	if got := names(t, dir); got != "dir.npy file old.npy" {
		t.Errorf("declaring left %s", got)
	}
}

var errFull = &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}

// TestFailure fails in the middle of the second file: neither may stay, nor the directory.
func TestFailure(t *testing.T) {
	dir := t.TempDir()
	res := filepath.Join(dir, "a", "b")
	out := Outputs{}
	if err := out.CreateDir(res); err != nil {
		t.Fatal(err)
	}
	x, j := filepath.Join(res, "x.npy"), filepath.Join(res, "j.json")
	if err := errors.Join(out.Declare(x, 1), out.DeclareFile(j, ".json"), out.Write(x, []int{2}, []float64{1, 2})); err != nil {
		t.Fatal(err)
	}
	err := out.Add(j, func(w io.Writer) error {
		io.WriteString(w, "{")
		return errFull
	})
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrInput) {
		t.Errorf("%v: want a full disk", err)
	}
	if want := "arrayio: " + j + ": cannot be written: no space left on device"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	out.Abort()
	if got := names(t, dir); got != "" {
		t.Errorf("after the failure there are %s", got)
	}
}

// failingWriter takes a number of bytes and then is full.
type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestFullDisk lets the disk fill at every point of every format: the error must come out.
func TestFullDisk(t *testing.T) {
	data := make([]float64, 40000)
	for i := range data {
		data[i] = math.Sin(float64(i)) // so that gzip finds little
	}
	for _, ext := range []string{".npy", ".npz", ".csv", ".tsv", ".parquet", ".npy.gz", ".parquet.gz"} {
		full := &failingWriter{left: math.MaxInt}
		if err := encode(full, "a"+ext, []int{10000, 4}, data); err != nil {
			t.Fatal(err)
		}
		size := math.MaxInt - full.left
		for _, room := range []int{0, 1, size / 2, size - 1} {
			if err := encode(&failingWriter{left: room}, "a"+ext, []int{10000, 4}, data); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s with room for %d of %d bytes: %v", ext, room, size, err)
			}
		}
	}
}

// TestFullDevice writes to the device that is always full, by a link with a known extension.
func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	path := filepath.Join(t.TempDir(), "z.npy")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	out := Outputs{}
	defer out.Abort()
	if err := out.Declare(path, 1); err != nil {
		t.Fatal(err)
	}
	err := out.Write(path, []int{2}, []float64{1, 2})
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrInput) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v: want a full disk", err)
	}
}

func TestForce(t *testing.T) {
	dir := t.TempDir()
	old, link := filepath.Join(dir, "old.json"), filepath.Join(dir, "link.json")
	if err := os.WriteFile(old, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("old.json", link); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		b, err := os.ReadFile(old)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	out := Outputs{Force: true}
	if err := out.DeclareFile(link); err != nil {
		t.Fatal(err)
	}
	if err := out.Add(link, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "old" {
		t.Errorf("before Commit the file holds %q", got)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "new" {
		t.Errorf("after Commit the file holds %q", got)
	}
	if got := names(t, dir); got != "link.json old.json" {
		t.Errorf("the folder holds %s", got)
	}
}

// TestRace has another program write the file during the work.
func TestRace(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.npy"), filepath.Join(dir, "b.npy")
	out := Outputs{}
	one := []float64{1}
	if err := errors.Join(out.Declare(a, 1), out.Declare(b, 1), out.Write(a, []int{1}, one), out.Write(b, []int{1}, one)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b, []byte("theirs"), 0o666); err != nil {
		t.Fatal(err)
	}
	wantError(t, out.Commit(), b, "exists")
	if got, _ := os.ReadFile(b); string(got) != "theirs" || names(t, dir) != "b.npy" {
		t.Errorf("b holds %q, the folder %s", got, names(t, dir))
	}
}

// An interrupt aborts while a file is being written: it is gone at once, and nothing is written afterwards.
func TestAbortWhileWriting(t *testing.T) {
	dir := t.TempDir()
	var o Outputs
	first, second := filepath.Join(dir, "new", "a.npy"), filepath.Join(dir, "new", "b.npy")
	if err := o.CreateDir(filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first, second} {
		if err := o.Declare(path, 1); err != nil {
			t.Fatal(err)
		}
	}
	started, aborted := make(chan bool), make(chan bool)
	written := make(chan error)
	go func() {
		written <- o.Add(first, func(w io.Writer) error {
			if _, err := w.Write([]byte("half")); err != nil {
				return err
			}
			close(started)
			<-aborted
			_, err := w.Write([]byte("of it"))
			return err
		})
	}()
	<-started
	o.Abort()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after Abort: %v, %v", left, err)
	}
	close(aborted)
	if err := <-written; !errors.Is(err, errAborted) {
		t.Errorf("the write returned %v", err)
	}
	if err := o.Write(second, []int{1}, []float64{1}); !errors.Is(err, errAborted) {
		t.Errorf("a later write returned %v", err)
	}
	if err := o.Commit(); !errors.Is(err, errAborted) {
		t.Errorf("Commit returned %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("at the end: %v, %v", left, err)
	}
}

func TestCreateDir(t *testing.T) {
	create := func(dir string, force bool) error { return (&Outputs{Force: force}).CreateDir(dir) }
	dir := t.TempDir()
	res := filepath.Join(dir, "res")
	if err := create(res, false); err != nil {
		t.Fatal(err)
	}
	if err := create(res, false); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
	file := filepath.Join(res, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	err := create(res, false)
	wantError(t, err, res, "not empty")
	if !errors.Is(err, ErrExists) {
		t.Errorf("%v does not wrap ErrExists", err)
	}
	if err := create(res, true); err != nil {
		t.Errorf("with force: %v", err)
	}
	wantError(t, create(file, true), file, "not a directory")
	under := filepath.Join(file, "a", "b")
	if err := create(under, false); err == nil || errors.Is(err, ErrInput) {
		t.Errorf("%v: want an error of the system", err)
	}
}

// TestWriteNpyHeader pins the bytes: numpy asks for numbers at a multiple of 64.
func TestWriteNpyHeader(t *testing.T) {
	var b strings.Builder
	if err := encode(&b, "a.npy", []int{2}, []int64{1, -1}); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00\x76\x00{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }" + strings.Repeat(" ", 60) + "\n" +
		"\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
	if got := b.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
