package arrayio

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// readNpz reads the array key of a zip archive of .npy files, the only one where key is empty.
func readNpz(r io.ReaderAt, size, limit int64, key string) (*Array, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is unpacked, so paths are only names
		return nil, fmt.Errorf("not a .npz file: %w", err)
	}
	var names []string
	var found *zip.File
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		names = append(names, name)
		if key == "" || key == name || key == f.Name {
			if found != nil && key != "" {
				return nil, fmt.Errorf("key %s: two arrays have this name", quote(key))
			}
			found = f
		}
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("the archive holds no .npy array")
	case key == "" && len(names) > 1:
		return nil, fmt.Errorf("the archive holds %d arrays, choose one by --key: %s", len(names), quoteNames(names))
	case found == nil:
		return nil, fmt.Errorf("key %s: no such array among %s", quote(key), quoteNames(names))
	}
	if found.Flags&1 != 0 {
		return nil, fmt.Errorf("array %s is encrypted", quote(found.Name))
	}
	m, err := found.Open()
	if err != nil {
		return nil, fmt.Errorf("array %s: %w", quote(found.Name), err)
	}
	defer m.Close()
	// The directory's sizes are claims; the archive's own size is not.
	most := size
	if found.Method != zip.Store && size < math.MaxInt64/deflateRatio {
		most = size * deflateRatio
	}
	if declared := found.UncompressedSize64; declared < uint64(most) {
		most = int64(declared)
	}
	// Of a stored array the file was seen to have the bytes.
	exact := found.Method == zip.Store && found.CompressedSize64 == found.UncompressedSize64 && most <= size
	a, err := readNpy(&stream{r: m, most: most, exact: exact, limit: limit})
	if err != nil {
		return nil, fmt.Errorf("array %s: %w", quote(found.Name), err)
	}
	return a, nil
}
