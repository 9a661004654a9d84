package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// identities makes the IDs of a plan's runs. A value is looked at once, and a file read once.
type identities struct {
	commands Commands
	hashes   map[string]string // of files, by their paths
	known    map[string]input
}

// input is a value as it goes into a run's configuration.
type input struct {
	text  string
	files []string // the contents, as contentName names them
}

// of returns the SHA-256 of the canonical configuration. Keys of JSON objects are sorted.
func (id *identities) of(command string, args []string, given, defaults map[string]string) (string, error) {
	flags := maps.Clone(defaults)
	maps.Copy(flags, given)
	for _, k := range append(apart, own...) {
		delete(flags, k)
	}
	if e, ok := flags["engine"]; ok { // the device's number is left out
		flags["engine"], _, _ = strings.Cut(e, ":")
	}
	contents := map[string][]string{}
	take := func(flag, value string) (string, error) {
		in, err := id.input(command, flag, value)
		if len(in.files) > 0 {
			contents[flag] = in.files
		}
		return in.text, err
	}
	texts := make([]string, len(args))
	var err error
	for i, a := range args {
		if texts[i], err = take(strconv.Itoa(i), a); err != nil {
			return "", err
		}
	}
	for k, v := range flags {
		if flags[k], err = take(k, v); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(struct {
		Command string              `json:"command"`
		Args    []string            `json:"args"`
		Flags   map[string]string   `json:"flags"`
		Files   map[string][]string `json:"files"`
	}{command, texts, flags, contents})
	if err != nil {
		return "", fmt.Errorf("sweep: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func (id *identities) input(command, flag, value string) (input, error) {
	if value == "" {
		return input{}, nil
	}
	key := flag + "\x00" + value
	if in, ok := id.known[key]; ok {
		return in, nil
	}
	text, files := id.commands.Inputs(command, flag, value)
	in := input{text: text}
	for _, path := range files {
		hash, ok := id.hashes[path]
		if !ok {
			var err error
			switch hash, err = hashFile(path); {
			case err == nil:
				id.hashes[path] = hash
			case !errors.Is(err, fs.ErrNotExist):
				return in, err
			}
		}
		in.files = append(in.files, contentName(path, hash))
	}
	id.known[key] = in
	return in, nil
}

// contentName names a file by its contents and by its extension, which says how they are read; a file that is not there by
// its path: the run will say that it is missing.
func contentName(path, hash string) string {
	if hash == "" {
		return path
	}
	base, ext := path, filepath.Ext(path)
	if ext == ".gz" {
		base = strings.TrimSuffix(path, ext)
		ext = filepath.Ext(base) + ext
	}
	return hash + ext
}

// hashFile returns the SHA-256 of a file's contents.
func hashFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		err = &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	if err != nil {
		return "", fmt.Errorf("sweep: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("sweep: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("sweep: %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ErrChanged is wrapped by the errors of files that are not what they were when a sweep's directory was made.
var ErrChanged = errors.New("another sweep's input")

// CheckFiles looks whether the files that the runs read are what they were when the directory was made: results of others
// would stand under the wrong IDs.
func (s *Store) CheckFiles() error {
	for _, path := range slices.Sorted(maps.Keys(s.Plan.Files)) {
		hash, err := hashFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("sweep: %s: the runs of %s read it, and it is not there: go on from the folder in which the sweep was begun: %w", path, s.Dir, ErrChanged)
		case err != nil:
			return err
		case hash != s.Plan.Files[path]:
			return fmt.Errorf("sweep: %s: it is not what it was when %s was made: make another directory: %w", path, s.Dir, ErrChanged)
		}
	}
	return nil
}
