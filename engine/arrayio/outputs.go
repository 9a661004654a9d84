package arrayio

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Outputs is the set of files that a command writes: all of them or none.
//
// A command declares every output before it works, so that a wrong extension, an existing file or a place
// that cannot be written is found at once. Each file is then written to a temporary name in its own
// folder and synced; Commit renames them. Abort, which does nothing after Commit and so can be deferred,
// removes whatever is there. Abort may be called while another goroutine writes, whose call then fails;
// the other methods are one goroutine's at a time.
//
//	out := arrayio.Outputs{Force: force}
//	defer out.Abort()
//	if err := out.Declare("z.npy", 2); err != nil { ... }
//	... work ...
//	if err := out.Write("z.npy", []int{n, d}, z); err != nil { ... }
//	return out.Commit()
//
// Errors that wrap ErrInput are the user's to mend: ErrExists, an unknown extension. All others are the
// system's. A device or a pipe as output is written straight, never replaced.
type Outputs struct {
	Force bool // overwrite what exists

	mu      sync.Mutex // guards what follows, not the writing itself, which may take long
	files   []*output
	dirs    []string // created, outermost first
	aborted bool
}

// errAborted is the error of writing after Abort.
var errAborted = errors.New("the outputs were aborted")

// output is one file of the set.
type output struct {
	path   string // as the user gave it
	target string // where the file goes: path with symbolic links followed
	stream bool   // target is no regular file
	old    bool   // target existed when declared
	temp   string // temporary file; "" = none
	whole  bool   // temp is written and synced, or the stream is written
}

// Declare announces an array of the given rank at path, in the format of its extension.
func (o *Outputs) Declare(path string, rank int) error {
	f, _, err := formatOf(path)
	if err != nil {
		return err
	}
	if most := f.maxRank(); rank > most {
		return inputf(path, "an array of rank %d does not fit this format, which holds rank %d: choose .npy or .npz", rank, most)
	}
	return o.declare(path)
}

// DeclareFile announces a file of another kind at path, whose extension is one of exts (".json"); none
// allows any.
func (o *Outputs) DeclareFile(path string, exts ...string) error {
	ext := strings.ToLower(filepath.Ext(path))
	if len(exts) > 0 && !slices.Contains(exts, ext) {
		return inputf(path, "unknown extension %q: want %s", ext, strings.Join(exts, ", "))
	}
	return o.declare(path)
}

func (o *Outputs) declare(path string) error {
	f := &output{path: path, target: path}
	if path == "" || strings.HasSuffix(path, "/") {
		return inputf(path, "no file name")
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		f.target = real
	}
	for _, g := range o.files {
		if filepath.Clean(g.target) == filepath.Clean(f.target) {
			return inputf(path, "two outputs of one name")
		}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return inputf(path, "is a directory")
	} else if err == nil && !info.Mode().IsRegular() {
		f.target, f.stream = path, true
		o.files = append(o.files, f)
		return nil
	}
	_, err := os.Lstat(f.target)
	switch {
	case err == nil && !o.Force:
		return &InputError{Path: path, Err: existsError("exists already; --force overwrites it")}
	case err == nil:
		f.old = true
	case !errors.Is(err, fs.ErrNotExist):
		return systemError(path, err)
	}
	// Whether the place can be written is found out by writing there: access rights alone do not tell.
	probe, err := createTemp(f.target)
	if err != nil {
		return systemError(path, err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return systemError(path, err)
	}
	o.files = append(o.files, f)
	return nil
}

// CreateDir makes the directory dir, with its parents. It may exist if it is empty; with Force it may
// hold files. Abort removes what CreateDir made.
func (o *Outputs) CreateDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0 && !o.Force:
		return &InputError{Path: dir, Err: existsError("the directory is not empty; --force writes into it")}
	case err == nil:
		return nil
	}
	if info, e := os.Stat(dir); e == nil && !info.IsDir() {
		return inputf(dir, "is not a directory")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return systemError(dir, err)
	}
	var missing []string
	for p := filepath.Clean(dir); ; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, p)
	}
	slices.Reverse(missing)
	for _, p := range missing {
		if err := os.Mkdir(p, 0o777); err != nil {
			return systemError(dir, err)
		}
		o.dirs = append(o.dirs, p)
	}
	return nil
}

// Write writes float64 numbers as an array of the given shape, row-major, to a declared path.
func (o *Outputs) Write(path string, shape []int, data []float64) error {
	return o.Add(path, func(w io.Writer) error { return encode(w, path, shape, data) })
}

// WriteInts writes int64 numbers as Write does.
func (o *Outputs) WriteInts(path string, shape []int, data []int64) error {
	return o.Add(path, func(w io.Writer) error { return encode(w, path, shape, data) })
}

// Add writes a declared file through write, to a temporary name. A file that fails leaves nothing.
func (o *Outputs) Add(path string, write func(w io.Writer) error) (err error) {
	f, file, err := o.open(path)
	if err != nil {
		return systemError(path, err)
	}
	err = write(file)
	if err == nil && !f.stream {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && o.aborted {
		err = errAborted
	}
	if err != nil {
		f.discard()
		if errors.Is(err, ErrInput) {
			return err
		}
		return systemError(path, err)
	}
	f.whole = true
	return nil
}

// open opens what a declared output is written to, which from here on Abort removes.
func (o *Outputs) open(path string) (f *output, file *os.File, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.aborted {
		return nil, nil, errAborted
	}
	i := slices.IndexFunc(o.files, func(f *output) bool { return f.path == path })
	if i < 0 {
		panic("arrayio: output " + path + " was not declared")
	}
	f = o.files[i]
	if f.whole {
		panic("arrayio: output " + path + " was written already")
	}
	if f.stream {
		file, err = os.OpenFile(f.target, os.O_WRONLY, 0)
	} else if file, err = createTemp(f.target); err == nil {
		f.temp = file.Name()
	}
	return f, file, err
}

// discard removes the temporary file.
func (f *output) discard() {
	if f.temp != "" {
		os.Remove(f.temp)
	}
	f.temp, f.whole = "", false
}

// Commit renames the files that were written to their names. Where one cannot be, no new file stays.
func (o *Outputs) Commit() (err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.aborted {
		return fmt.Errorf("arrayio: %w", errAborted)
	}
	defer o.clean()
	for _, f := range o.files {
		if !f.whole || f.stream || o.Force {
			continue
		}
		// Another program may have written it during the work.
		if _, err := os.Lstat(f.target); err == nil {
			return &InputError{Path: f.path, Err: existsError("exists already; --force overwrites it")}
		}
	}
	var folders []string
	for i, f := range o.files {
		if !f.whole || f.stream {
			continue
		}
		if err := os.Rename(f.temp, f.target); err != nil {
			for _, g := range o.files[:i] {
				if g.whole && !g.stream && !g.old {
					os.Remove(g.target)
				}
			}
			return systemError(f.path, err)
		}
		f.temp = ""
		if dir := filepath.Dir(f.target); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	o.files, o.dirs = nil, nil
	for _, dir := range folders {
		if err := syncDir(dir); err != nil {
			return systemError(dir, err)
		}
	}
	return nil
}

// Abort removes what was written and not committed, and the directories made for it.
func (o *Outputs) Abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.aborted = true
	o.clean()
}

// clean removes what is not committed.
func (o *Outputs) clean() {
	for _, f := range o.files {
		f.discard()
	}
	for _, dir := range slices.Backward(o.dirs) {
		os.Remove(dir) // fails where others have put files, and should
	}
	o.files, o.dirs = nil, nil
}

// createTemp makes a new file beside target. Its name does not grow with target's, which may be as long
// as the file system allows; its rights are those of any new file.
func createTemp(target string) (*os.File, error) {
	var b [8]byte
	for range 100 {
		rand.Read(b[:])
		name := filepath.Join(filepath.Dir(target), fmt.Sprintf(".monge-%x.tmp", b))
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, fs.ErrExist
}

// syncDir makes the renames within a folder last. Windows and some file systems cannot, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// systemError names the output in an error of the system, not the temporary file.
func systemError(path string, err error) error {
	cause := err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		cause = pe.Err
	} else if le := (*os.LinkError)(nil); errors.As(err, &le) {
		cause = le.Err
	}
	return fmt.Errorf("arrayio: %s: cannot be written: %w", path, cause)
}
