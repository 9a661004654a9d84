package arrayio

import (
	"path/filepath"
	"strings"
)

// fileFormat is a way to write an array into a file.
type fileFormat uint8

const (
	formatNpy fileFormat = iota
	formatNpz
	formatCSV
	formatTSV
	formatParquet
)

const extensions = ".npy, .npz, .csv, .tsv or .parquet, each also with .gz"

// formatOf tells a file's format from its extension, in either case of letters.
func formatOf(path string) (f fileFormat, gz bool, err error) {
	name := strings.ToLower(filepath.Base(path))
	name, gz = strings.CutSuffix(name, ".gz")
	switch ext := filepath.Ext(name); ext {
	case ".npy":
		f = formatNpy
	case ".npz":
		f = formatNpz
	case ".csv":
		f = formatCSV
	case ".tsv":
		f = formatTSV
	case ".parquet":
		f = formatParquet
	case "", ".":
		return 0, gz, inputf(path, "no extension: want %s", extensions)
	default:
		return 0, gz, inputf(path, "unknown extension %s: want %s", ext, extensions)
	}
	return f, gz, nil
}

// maxRank is the largest rank that the format holds.
func (f fileFormat) maxRank() int {
	switch f {
	case formatNpy, formatNpz:
		return 32 // the limit of numpy before version 2
	}
	return 2
}
