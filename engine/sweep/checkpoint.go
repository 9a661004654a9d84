package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
)

// Checkpoint keeps what a long run has done so far, in the run's directory, so that the run goes on from there after it was
// stopped, with the bits of a run that nobody stopped. A nil Checkpoint keeps nothing.
type Checkpoint struct {
	Dir     string
	Version string // of the code: what another one kept is not taken up
}

// Save keeps a value, in the encoding of package gob, under a name.
func (c *Checkpoint) Save(name string, v any) error {
	if c == nil {
		return nil
	}
	var b bytes.Buffer
	b.Write(make([]byte, sha256.Size))
	e := gob.NewEncoder(&b)
	if err := e.Encode(c.Version); err != nil {
		return fmt.Errorf("sweep: checkpoint: %w", err)
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("sweep: checkpoint: %w", err)
	}
	text := b.Bytes()
	sum := sha256.Sum256(text[sha256.Size:])
	copy(text, sum[:])
	return writeFile(filepath.Join(c.Dir, name), text)
}

// Load reads what was kept under a name into v, a pointer, and says whether anything was: a file that is damaged or of
// another version of the code counts as none.
func (c *Checkpoint) Load(name string, v any) bool {
	if c == nil {
		return false
	}
	text, err := os.ReadFile(filepath.Join(c.Dir, name))
	if err != nil || len(text) < sha256.Size {
		return false
	}
	if sum := sha256.Sum256(text[sha256.Size:]); !bytes.Equal(sum[:], text[:sha256.Size]) {
		return false
	}
	var version string
	d := gob.NewDecoder(bytes.NewReader(text[sha256.Size:]))
	return d.Decode(&version) == nil && version == c.Version && d.Decode(v) == nil
}
