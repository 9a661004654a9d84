package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Reuse takes the results of other sweeps' directories over for the runs that are not done here: two runs of one ID are the
// same run. Those of another version of the code stay where they are. It returns their count.
func (s *Store) Reuse(dirs []string, version string) (taken int, err error) {
	for _, dir := range dirs {
		other, err := Open(dir)
		if err != nil {
			return taken, err
		}
		for _, r := range s.Plan.Runs {
			if state, _ := s.Look(r, version); state == Done || state == NotConverged {
				continue
			}
			state, rec := other.Look(r, version)
			if state != Done && state != NotConverged {
				continue
			}
			log, err := os.ReadFile(other.Log(r))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return taken, fmt.Errorf("sweep: %w", err)
			}
			if err := s.keep(r, rec, log); err != nil {
				return taken, err
			}
			taken++
		}
	}
	return taken, nil
}
