package arrayio

import (
	"archive/zip"
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// element is a type of number that is written.
type element interface{ float64 | int64 }

// encode writes an array in the format of path's extension. It panics where the shape does not fit.
func encode[T element](w io.Writer, path string, shape []int, data []T) error {
	count := 1
	for _, n := range shape {
		count *= n
	}
	if count != len(data) {
		panic(fmt.Sprintf("arrayio: %d numbers for shape %s", len(data), shapeString(shape)))
	}
	f, gz, err := formatOf(path)
	if err != nil {
		return err
	}
	if len(shape) > f.maxRank() {
		return inputf(path, "an array of shape %s does not fit this format, which holds rank %d", shapeString(shape), f.maxRank())
	}
	bw := bufio.NewWriterSize(w, 1<<16)
	inner := io.Writer(bw)
	var z *gzip.Writer
	if gz {
		z = gzip.NewWriter(bw)
		inner = z
	}
	switch f {
	case formatNpy:
		err = writeNpy(inner, shape, data)
	case formatNpz:
		err = writeNpz(inner, shape, data)
	case formatCSV:
		err = writeCSV(inner, ',', shape, data)
	case formatTSV:
		err = writeCSV(inner, '\t', shape, data)
	case formatParquet:
		err = writeParquet(inner, path, shape, data)
	}
	if err == nil && gz {
		err = z.Close()
	}
	if err == nil {
		err = bw.Flush()
	}
	return err
}

// writeNpy writes version 1.0, little endian, C order; the numbers start at a multiple of 64 bytes.
func writeNpy[T element](w io.Writer, shape []int, data []T) error {
	descr := "<f8"
	if _, ok := any(data).([]int64); ok {
		descr = "<i8"
	}
	dims := make([]string, len(shape))
	for i, n := range shape {
		dims[i] = strconv.Itoa(n)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	const frame = len(npyMagic) + 2 + 2
	text += strings.Repeat(" ", 63-(frame+len(text))%64) + "\n"
	head := append([]byte(npyMagic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(text)))
	if _, err := w.Write(append(head, text...)); err != nil {
		return err
	}
	const chunk = 1 << 13
	buf := make([]byte, 0, 8*chunk)
	for len(data) > 0 {
		k := min(chunk, len(data))
		buf = buf[:0]
		switch part := any(data[:k]).(type) {
		case []float64:
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
			}
		case []int64:
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint64(buf, uint64(v))
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		data = data[k:]
	}
	return nil
}

// writeNpz writes the archive that numpy.savez(file, data) would: one array arr_0, stored.
func writeNpz[T element](w io.Writer, shape []int, data []T) error {
	z := zip.NewWriter(w)
	m, err := z.CreateHeader(&zip.FileHeader{Name: "arr_0.npy", Method: zip.Store})
	if err != nil {
		return err
	}
	if err := writeNpy(m, shape, data); err != nil {
		return err
	}
	return z.Close()
}

// tableShape returns the rows and columns of an array of rank at most 2.
func tableShape(shape []int) (n, d int) {
	n, d = 1, 1
	if len(shape) > 0 {
		n = shape[0]
	}
	if len(shape) > 1 {
		d = shape[1]
	}
	return n, d
}

// writeCSV writes one line a row, no header, each number in the fewest digits that read back the same.
func writeCSV[T element](w io.Writer, comma byte, shape []int, data []T) error {
	n, d := tableShape(shape)
	var line []byte
	for i := range n {
		line = line[:0]
		for j, v := range data[i*d : (i+1)*d] {
			if j > 0 {
				line = append(line, comma)
			}
			switch v := any(v).(type) {
			case float64:
				line = strconv.AppendFloat(line, v, 'g', -1, 64)
			case int64:
				line = strconv.AppendInt(line, v, 10)
			}
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// orderedGroup is a parquet group whose fields keep their order; parquet.Group sorts them by name, which
// would put x10 before x2.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g *orderedGroup) Fields() []parquet.Field { return g.fields }

// writeParquet writes the columns x0, x1, ... as doubles or 64-bit integers, in row groups of about 8 MB.
func writeParquet[T element](w io.Writer, path string, shape []int, data []T) error {
	n, d := tableShape(shape)
	if d == 0 || d > parquet.MaxColumnIndex {
		return inputf(path, "an array of %d columns does not fit .parquet, which holds 1 to %d", d, parquet.MaxColumnIndex)
	}
	kind := parquet.DoubleType
	if _, ok := any(data).([]int64); ok {
		kind = parquet.Int64Type
	}
	group := parquet.Group{}
	byName := make(map[string]int, d)
	for j := range d {
		name := "x" + strconv.Itoa(j)
		group[name] = parquet.Leaf(kind)
		byName[name] = j
	}
	fields := make([]parquet.Field, d)
	for _, f := range group.Fields() {
		fields[byName[f.Name()]] = f
	}
	schema := parquet.NewSchema("points", &orderedGroup{Group: group, fields: fields})
	pw := parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Uncompressed))
	columns := pw.ColumnWriters()
	perGroup := max(1, (1<<20)/d)
	values := make([]parquet.Value, 0, 1024)
	for from := 0; from < n; from += perGroup {
		to := min(n, from+perGroup)
		for j, c := range columns {
			for i := from; i < to; {
				values = values[:0]
				for ; i < to && len(values) < cap(values); i++ {
					switch v := any(data[i*d+j]).(type) {
					case float64:
						values = append(values, parquet.DoubleValue(v))
					case int64:
						values = append(values, parquet.Int64Value(v))
					}
				}
				if _, err := c.WriteRowValues(values); err != nil {
					return err
				}
			}
		}
		if err := pw.Flush(); err != nil {
			return err
		}
	}
	return pw.Close()
}
