package arrayio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"monge/engine"

	"github.com/parquet-go/parquet-go/format"
)

// A .parquet file states its sizes in Thrift structures, and the decoder allocates what they state. The
// scans here hold those claims against the file before it is handed over.

// scanParquetFooter checks the file's frame and the lengths in its metadata.
func scanParquetFooter(r io.ReaderAt, size int64) error {
	const magic = "PAR1"
	var head [4]byte
	var tail [8]byte
	if size < 12 {
		return errors.New("not a .parquet file: it is too short")
	}
	if err := readFull(r, head[:], 0); err != nil {
		return err
	}
	if err := readFull(r, tail[:], size-8); err != nil {
		return err
	}
	if string(head[:]) != magic {
		return fmt.Errorf("not a .parquet file: it starts with %s", quote(string(head[:])))
	}
	if string(tail[4:]) != magic {
		return errors.New("malformed .parquet file: it does not end with PAR1, the data is cut short")
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if length > size-12 {
		return fmt.Errorf("malformed .parquet file: metadata of %d bytes in a file of %d", length, size)
	}
	footer := make([]byte, length)
	if err := readFull(r, footer, size-8-length); err != nil {
		return err
	}
	var children int64
	t := &thriftScan{data: footer, number: func(path []int, v int64) error {
		if slices.Equal(path, []int{2, 5}) { // schema element, number of children
			if v < 0 || v > length {
				return fmt.Errorf("%d children of a column", v)
			}
			children += v
		}
		return nil
	}}
	if err := t.structure(nil); err != nil {
		return fmt.Errorf("malformed .parquet file: %w", err)
	}
	if children > length {
		return errors.New("malformed .parquet file: more columns than the metadata holds")
	}
	return nil
}

// maxPageValues bounds the values of a page, which run-length encoding can state in a few bytes. Writers
// keep pages near a megabyte.
const maxPageValues = 1 << 26

// scanParquetPages walks the page headers of a column chunk.
func scanParquetPages(r io.ReaderAt, size, limit int64, chunk *format.ColumnMetaData) error {
	pos := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d != 0 {
		pos = d
	}
	if pos < 0 || chunk.TotalCompressedSize < 0 || pos > size || chunk.TotalCompressedSize > size-pos {
		return errors.New("malformed .parquet file: the column's data lies outside the file")
	}
	end := pos + chunk.TotalCompressedSize
	for window := int64(1 << 10); pos < end; {
		buf := make([]byte, min(window, end-pos))
		if err := readFull(r, buf, pos); err != nil {
			return err
		}
		var compressed, uncompressed, values int64
		t := &thriftScan{data: buf, number: func(path []int, v int64) error {
			switch {
			case slices.Equal(path, []int{2}):
				uncompressed = v
			case slices.Equal(path, []int{3}):
				compressed = v
			case len(path) == 2 && (path[0] == 5 || path[0] == 7 || path[0] == 8) && path[1] == 1:
				values = v // of a data page, a dictionary, a data page of version 2
			}
			return nil
		}}
		if err := t.structure(nil); errors.Is(err, errThriftShort) && int64(len(buf)) < end-pos {
			window *= 16
			continue
		} else if err != nil {
			return fmt.Errorf("malformed .parquet file: page header: %w", err)
		}
		pos += int64(t.pos)
		switch {
		case compressed < 0 || compressed > end-pos:
			return fmt.Errorf("malformed .parquet file: page of %d bytes where %d are left", compressed, end-pos)
		case uncompressed < 0 || uncompressed > max(1<<24, compressed<<15): // the most that zstd packs
			return fmt.Errorf("malformed .parquet file: page of %d bytes uncompressed to %d", compressed, uncompressed)
		case values < 0 || values > maxPageValues:
			return fmt.Errorf("malformed .parquet file: page of %d values", values)
		case uncompressed > limit:
			return &engine.MemoryError{What: "a page of the file", Asked: uncompressed, Free: limit}
		}
		if err := fits(values, 1, limit); err != nil {
			return err
		}
		pos += compressed
	}
	return nil
}

// readFull reads all of p from offset off.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

var (
	errThriftShort = errors.New("the data is cut short")
	errThriftDeep  = errors.New("nested too deep")
	errThriftType  = errors.New("unknown type")
)

// thriftScan walks a structure of Thrift's compact protocol without building it.
//
// Source: Apache Thrift, "Thrift Compact protocol encoding".
type thriftScan struct {
	data   []byte
	pos    int
	depth  int                             // of structures and lists within each other
	number func(path []int, v int64) error // called for every integer, with the field ids that lead to it
}

func (t *thriftScan) structure(path []int) error {
	for id := 0; ; {
		head, err := t.byte()
		if err != nil || head == 0 {
			return err
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			v, err := t.zigzag()
			if err != nil {
				return err
			}
			id = int(v)
		}
		if typ := head & 15; typ == 1 || typ == 2 { // true and false take no more bytes as a field
			continue
		} else if err := t.value(typ, append(path, id)); err != nil {
			return err
		}
	}
}

func (t *thriftScan) value(typ byte, path []int) error {
	if t.depth++; t.depth > 32 {
		return errThriftDeep
	}
	defer func() { t.depth-- }()
	switch typ {
	case 1, 2, 3:
		return t.skip(1)
	case 4, 5, 6:
		v, err := t.zigzag()
		if err != nil {
			return err
		}
		return t.number(path, v)
	case 7:
		return t.skip(8)
	case 8:
		n, err := t.varint()
		if err != nil {
			return err
		}
		return t.skip(n)
	case 9, 10:
		head, err := t.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = t.varint(); err != nil {
				return err
			}
		}
		return t.list(head&15, n, path)
	case 12:
		return t.structure(path)
	}
	return errThriftType // maps too: the format has none
}

// list scans n elements, each at least a byte long.
func (t *thriftScan) list(typ byte, n uint64, path []int) error {
	if n > uint64(len(t.data)-t.pos) {
		return errThriftShort
	}
	for range n {
		if err := t.value(typ, path); err != nil {
			return err
		}
	}
	return nil
}

func (t *thriftScan) byte() (byte, error) {
	if t.pos >= len(t.data) {
		return 0, errThriftShort
	}
	t.pos++
	return t.data[t.pos-1], nil
}

func (t *thriftScan) skip(n uint64) error {
	if n > uint64(len(t.data)-t.pos) {
		return errThriftShort
	}
	t.pos += int(n)
	return nil
}

func (t *thriftScan) varint() (uint64, error) {
	v, n := binary.Uvarint(t.data[t.pos:])
	if n <= 0 {
		return 0, errThriftShort
	}
	t.pos += n
	return v, nil
}

func (t *thriftScan) zigzag() (int64, error) {
	v, err := t.varint()
	return int64(v>>1) ^ -int64(v&1), err
}
