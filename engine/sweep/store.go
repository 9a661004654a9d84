package sweep

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Names in a sweep's directory. A run is done when its result has its name: it is written under another, synced and renamed,
// so that no other mark, no lock and no shared database are needed, and a killed process leaves nothing half-written.
const (
	manifestName = "manifest.json"
	temporary    = ".tmp-" // begins the names of files that are not whole
	runsName     = "runs"
	resultName   = "result.json"
	failureName  = "failed.json"
	logName      = "log.txt"

	checkpointName = "checkpoint"
)

// State of a run.
type State string

const (
	Done         State = "done"
	NotConverged State = "not_converged" // done, and something in it did not converge
	Failed       State = "failed"
	Stale        State = "stale"   // its result is that of another version of the code
	Missing      State = "missing" // not done yet
)

// manifest is what a directory is for; it never changes.
type manifest struct {
	Schema  string        `json:"schema"`
	Name    string        `json:"name"`
	About   string        `json:"description,omitempty"`
	Command string        `json:"command"`
	Repeat  []string      `json:"repeat"`
	Keys    []string      `json:"axes"`
	Made    []string      `json:"derived"`
	Expect  []Expectation `json:"expect,omitempty"`
	Slurm   Slurm         `json:"slurm"`
	// Files are the SHA-256 of the files that the runs read.
	Files map[string]string `json:"files"`
	Runs  []manifestRun     `json:"runs"`
}

type manifestRun struct {
	ID   string            `json:"id"`
	Args []string          `json:"args"`
	Axes map[string]Value  `json:"axes"`
	Made map[string]string `json:"derived"`
}

// Record is a finished run's file.
type Record struct {
	Schema    string          `json:"schema"`
	ID        string          `json:"id"`
	Args      []string        `json:"args"`
	Version   string          `json:"version"`
	Host      string          `json:"host"`
	Started   time.Time       `json:"started"`
	Seconds   float64         `json:"seconds"` // of the whole run
	PeakBytes int64           `json:"peak_bytes"`
	Code      int             `json:"code"`
	Error     string          `json:"error,omitempty"`  // of a failed run
	Result    json.RawMessage `json:"result,omitempty"` // the command's JSON
}

const (
	manifestSchema = "monge.sweep/1"
	recordSchema   = "monge.run/1"
)

// ErrDirectory is wrapped by the errors of directories that are no sweep's, or another's.
var ErrDirectory = errors.New("not this sweep's directory")

// Store is a sweep's directory.
type Store struct {
	Dir  string
	Plan *Plan
}

// Create makes dir the directory of a plan. It may be one already: then it must be of the same plan.
func Create(dir string, p *Plan) (*Store, error) {
	m := manifest{Schema: manifestSchema, Name: p.Spec.Name, About: p.Spec.Description, Command: p.Spec.Command, Repeat: p.Spec.Repeat, Keys: p.Keys, Made: p.Made, Expect: p.Spec.Expect, Slurm: p.Spec.Slurm, Files: p.Files}
	for _, r := range p.Runs {
		m.Runs = append(m.Runs, manifestRun{r.ID, r.Args, r.Axes, r.Made})
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	text = append(text, '\n')
	path := filepath.Join(dir, manifestName)
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// What a process at the same work, or one that was stopped here, has made is no other file.
		entries, unread := os.ReadDir(dir)
		if unread == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			return e.Name() != runsName && e.Name() != manifestName && !strings.HasPrefix(e.Name(), temporary)
		}) {
			return nil, fmt.Errorf("sweep: %s: it holds other files: %w", dir, ErrDirectory)
		}
		if err := os.MkdirAll(filepath.Join(dir, runsName), 0o777); err != nil {
			return nil, fmt.Errorf("sweep: %w", err)
		}
		if err = writeNew(path, text); err == nil {
			return &Store{Dir: dir, Plan: p}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		before, err = os.ReadFile(path) // another process was first
	}
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	if !bytes.Equal(before, text) {
		return nil, fmt.Errorf("sweep: %s: it is of another plan than this one: %s: %w", path, difference(before, &m), ErrDirectory)
	}
	return &Store{Dir: dir, Plan: p}, nil
}

// difference says where a manifest is not that of a plan.
func difference(before []byte, m *manifest) string {
	var b manifest
	if json.Unmarshal(before, &b) != nil || b.Schema != manifestSchema {
		return "it is no manifest"
	}
	for _, path := range slices.Sorted(maps.Keys(m.Files)) {
		if was, ok := b.Files[path]; !ok || was != m.Files[path] {
			return fmt.Sprintf("%s has other contents", path)
		}
	}
	if b.Command != m.Command {
		return fmt.Sprintf("its runs are of %s", b.Command)
	}
	if len(b.Runs) != len(m.Runs) {
		return fmt.Sprintf("it has %d runs, this one %d", len(b.Runs), len(m.Runs))
	}
	for i, r := range b.Runs {
		switch was, is := strings.Join(r.Args, " "), strings.Join(m.Runs[i].Args, " "); {
		case was != is:
			return fmt.Sprintf("its run %d is %s, not %s", i+1, was, is)
		case r.ID != m.Runs[i].ID:
			return fmt.Sprintf("run %d, %s, has other defaults or files", i+1, is)
		}
	}
	return "its name, description, axes or [slurm] are others"
}

// Open opens the directory of a sweep.
func Open(dir string) (*Store, error) {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sweep: %s: no sweep is there: %w", dir, ErrDirectory)
	}
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Schema != manifestSchema {
		return nil, fmt.Errorf("sweep: %s: it is no manifest: %w", path, ErrDirectory)
	}
	p := &Plan{Spec: &Spec{Name: m.Name, Description: m.About, Command: m.Command, Repeat: m.Repeat, Expect: m.Expect, Slurm: m.Slurm}, Keys: m.Keys, Made: m.Made, Files: m.Files}
	for i, r := range m.Runs {
		p.Runs = append(p.Runs, Run{ID: r.ID, Index: i, Args: r.Args, Axes: r.Axes, Made: r.Made})
	}
	return &Store{Dir: dir, Plan: p}, nil
}

func (s *Store) path(r Run, name string) string {
	return filepath.Join(s.Dir, runsName, r.ID, name)
}

// Log returns the path of a run's log.
func (s *Store) Log(r Run) string { return s.path(r, logName) }

// checkpoint returns the directory in which a run may keep what it has done so far.
func (s *Store) checkpoint(r Run) string { return s.path(r, checkpointName) }

// Look returns a run's state for a version of the code, and its record where there is one. A file that is cut short or
// another run's counts as missing.
func (s *Store) Look(r Run, version string) (State, *Record) {
	if rec := s.read(r, resultName); rec != nil && json.Valid(rec.Result) && len(rec.Result) > 0 {
		switch {
		case version != "" && rec.Version != version:
			return Stale, rec
		case rec.Code != 0:
			return NotConverged, rec
		}
		return Done, rec
	}
	if rec := s.read(r, failureName); rec != nil {
		return Failed, rec
	}
	return Missing, nil
}

func (s *Store) read(r Run, name string) *Record {
	text, err := os.ReadFile(s.path(r, name))
	if err != nil {
		return nil
	}
	var rec Record
	if json.Unmarshal(text, &rec) != nil || rec.Schema != recordSchema || rec.ID != r.ID {
		return nil
	}
	return &rec
}

// begin makes a run's directory, and says whether the run was begun before and may have written its files: one that failed
// has written none.
func (s *Store) begin(r Run) (again bool, err error) {
	err = os.Mkdir(filepath.Join(s.Dir, runsName, r.ID), 0o777)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("sweep: %w", err)
	}
	return err != nil && s.read(r, failureName) == nil, nil
}

// keep writes a finished run's log and record, and takes away a failure that it makes good and what the run kept on its way.
func (s *Store) keep(r Run, rec *Record, log []byte) error {
	text, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if err := writeFile(s.Log(r), log); err != nil {
		return err
	}
	if rec.Error != "" {
		return writeFile(s.path(r, failureName), append(text, '\n'))
	}
	if err := writeFile(s.path(r, resultName), append(text, '\n')); err != nil {
		return err
	}
	if err := os.Remove(s.path(r, failureName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sweep: %w", err)
	}
	if err := os.RemoveAll(s.checkpoint(r)); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

// writeFile writes a file so that it is there whole or not at all, whatever stops the process or the machine.
func writeFile(path string, text []byte) error { return writeBy(os.Rename, path, text) }

// writeNew is writeFile of a file that no other process may have written: then its error is fs.ErrExist.
func writeNew(path string, text []byte) error {
	return writeBy(func(from, to string) error {
		err := os.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return errors.Join(err, os.Remove(from))
		}
		// Without links two that begin at the same moment are not told apart.
		if _, err := os.Lstat(to); err == nil {
			return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
		}
		return os.Rename(from, to)
	}, path, text)
}

// writeBy writes a file under another name and gives it its own by name.
func writeBy(name func(from, to string) error, path string, text []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	// Of any new file's rights, as os.CreateTemp's is not.
	f, err := os.OpenFile(filepath.Join(dir, temporary+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = name(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("sweep: %s: %w", path, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil { // the name itself
		return fmt.Errorf("sweep: %s: %w", dir, err)
	}
	return nil
}
