package arrayio

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"monge/engine"
)

// deflateRatio bounds how many bytes one byte of a DEFLATE stream can stand for: 258 in 2 bits at best.
const deflateRatio = 1032

// stream is the contents of a file or of an archive's member.
type stream struct {
	r io.Reader
	// most bounds the bytes that can still come. Where exact is set that many do come, unless reading
	// fails; else the reader must let its memory grow with what it has read.
	most  int64
	exact bool
	limit int64 // bytes that the array may take
}

// decodeFile reads the array in the file at path.
func decodeFile(path string, f fileFormat, gz bool, o Options) (*Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("is a directory")
	}
	limit := o.MaxMemory
	if limit <= 0 {
		limit = available()
	}
	s := &stream{r: file, most: math.MaxInt64, limit: limit}
	if info.Mode().IsRegular() {
		s.most, s.exact = info.Size(), true
		if s.most == 0 {
			return nil, errors.New("the file is empty")
		}
	}
	if gz {
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil, gzipError(err)
		}
		s.r, s.exact = &gzipReader{z}, false
		if s.most < math.MaxInt64/deflateRatio {
			s.most *= deflateRatio
		}
	}
	switch f {
	case formatNpy:
		return readNpy(s)
	case formatCSV:
		return readCSV(s, ',', o.Columns)
	case formatTSV:
		return readCSV(s, '\t', o.Columns)
	}
	// The other formats are read from their end.
	at, size := io.ReaderAt(file), s.most
	if !s.exact {
		if at, size, err = s.load(); err != nil {
			return nil, err
		}
	}
	if f == formatNpz {
		return readNpz(at, size, limit, o.Key)
	}
	return readParquet(at, size, limit, o.Columns)
}

// openError keeps the cause of a failed open without the path, which the caller adds. That a file cannot
// be opened is the user's to mend.
func openError(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// load reads the whole stream into memory.
func (s *stream) load() (io.ReaderAt, int64, error) {
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(s.r, s.limit))
	if err != nil {
		return nil, 0, err
	}
	if n == s.limit {
		return nil, 0, &engine.MemoryError{What: "the uncompressed file", Asked: n + 1, Free: s.limit}
	}
	return bytes.NewReader(buf.Bytes()), n, nil
}

// gzipReader says of a decompression that fails what it was.
type gzipReader struct{ z *gzip.Reader }

func (r *gzipReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	if err != nil && err != io.EOF {
		err = gzipError(err)
	}
	return n, err
}

func gzipError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("gzip: the compressed data is cut short")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("gzip: not compressed with gzip")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("gzip: the checksum does not match")
	}
	return fmt.Errorf("gzip: %w", err)
}
