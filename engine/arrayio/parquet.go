package arrayio

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetColumn is a column to read.
type parquetColumn struct {
	leaf    int    // its index among the leaves of the schema, as row groups count them
	label   string // its number and name
	convert func(parquet.Value) float64
	wide    func(parquet.Value) int // 1 where the number is no float64; nil for types that always are
}

// readParquet reads the picked columns of a table, all of them where picks is empty, as [N, D] in the
// order of the file: floats, integers and bool. Columns may be declared optional but hold no nulls.
// Integers beyond 2^53 are rounded to the nearest float64, with a note.
//
// Source: Apache Parquet format 2.10.
func readParquet(r io.ReaderAt, size, limit int64, picks []string) (a *Array, err error) {
	if err := scanParquetFooter(r, size); err != nil {
		return nil, err
	}
	defer func() {
		// The decoder panics on some files that contradict themselves.
		if p := recover(); p != nil {
			a, err = nil, fmt.Errorf("malformed .parquet file: %v", p)
		}
	}()
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("malformed .parquet file: %w", err)
	}
	cols, err := parquetColumns(f.Metadata().Schema, picks)
	if err != nil {
		return nil, err
	}
	labels := make([]string, len(cols))
	for i, c := range cols {
		labels[i] = c.label
	}
	a = &Array{columns: labels}
	rows, rounded := 0, 0
	part := make([][]float64, len(cols))
	for g, group := range f.RowGroups() {
		for i, c := range cols {
			chunk := &f.Metadata().RowGroups[g].Columns[c.leaf].MetaData
			if chunk.Codec != f.Metadata().RowGroups[0].Columns[c.leaf].MetaData.Codec {
				return nil, fmt.Errorf("column %s: row groups compressed in different ways are not supported", c.label)
			}
			if err := scanParquetPages(r, size, limit, chunk); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.label, err)
			}
			n, err := c.read(&part[i], group.ColumnChunks()[c.leaf], rows, limit)
			if err != nil {
				return nil, err
			}
			rounded += n
			if len(part[i]) != len(part[0]) {
				return nil, fmt.Errorf("column %s: %d rows, column %s has %d", c.label, rows+len(part[i]), cols[0].label, rows+len(part[0]))
			}
		}
		if int64(len(part[0])) != group.NumRows() {
			return nil, fmt.Errorf("malformed .parquet file: %d rows in a group said to have %d", len(part[0]), group.NumRows())
		}
		rows += len(part[0])
		if err := fits(int64(rows)*int64(len(cols)), 1, limit); err != nil {
			return nil, err
		}
		for i := range part[0] {
			for j := range part {
				a.Data = append(a.Data, part[j][i])
			}
		}
	}
	if rows == 0 {
		return nil, errors.New("no rows")
	}
	a.Shape = []int{rows, len(cols)}
	if rounded > 0 {
		a.Notes = append(a.Notes, roundedNote(rounded))
	}
	return a, nil
}

// read fills *dst with the column's numbers in one row group, whose first row is row first of the file.
func (c *parquetColumn) read(dst *[]float64, chunk parquet.ColumnChunk, first int, limit int64) (rounded int, err error) {
	pages := chunk.Pages()
	defer pages.Close()
	out := (*dst)[:0]
	buf := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			*dst = out
			return rounded, nil
		} else if err != nil {
			return 0, fmt.Errorf("column %s: %w", c.label, err)
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buf)
			for _, v := range buf[:n] {
				if v.IsNull() {
					return 0, fmt.Errorf("row %d, column %s: the value is null", first+len(out)+1, c.label)
				}
				if c.wide != nil {
					rounded += c.wide(v)
				}
				out = append(out, c.convert(v))
			}
			if err == io.EOF {
				break
			} else if err != nil {
				return 0, fmt.Errorf("column %s: %w", c.label, err)
			}
			if n == 0 {
				return 0, fmt.Errorf("column %s: %w", c.label, io.ErrNoProgress)
			}
			if err := fits(int64(len(out)), 1, limit); err != nil {
				return 0, err
			}
		}
		parquet.Release(page)
	}
}

// parquetColumns picks among the top-level columns of the schema, which lists its tree depth first with
// the root before all. Only the picked ones need be numbers.
func parquetColumns(schema []format.SchemaElement, picks []string) ([]parquetColumn, error) {
	type top struct {
		element *format.SchemaElement
		leaf    int
	}
	var all []top
	var names []string
	leaf := 0
	for i, left := 1, schema[0].NumChildren; left > 0 && i < len(schema); left-- {
		all = append(all, top{&schema[i], leaf})
		names = append(names, schema[i].Name)
		for open := int32(1); open > 0 && i < len(schema); i++ {
			open += schema[i].NumChildren - 1
			if schema[i].NumChildren == 0 {
				leaf++
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no columns")
	}
	var order []int
	if len(picks) > 0 {
		var err error
		if order, err = resolveColumns(picks, len(all), names); err != nil {
			return nil, err
		}
	} else {
		for i := range all {
			order = append(order, i)
		}
	}
	cols := make([]parquetColumn, 0, len(order))
	for _, i := range order {
		c := parquetColumn{leaf: all[i].leaf, label: columnLabel(i, names)}
		if err := c.setType(all[i].element); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.label, err)
		}
		cols = append(cols, c)
	}
	return cols, nil
}

// setType chooses the conversion to float64, or says why there is none.
func (c *parquetColumn) setType(e *format.SchemaElement) error {
	switch {
	case e.NumChildren > 0 || e.Type == nil:
		return errors.New("nested columns are not supported: want numbers")
	case e.RepetitionType != nil && *e.RepetitionType == format.Repeated:
		return errors.New("lists are not supported: want numbers")
	}
	kind := parquet.Kind(*e.Type)
	if l := e.LogicalType; l != nil && l.Float16 != nil && kind == parquet.FixedLenByteArray && e.TypeLength != nil && *e.TypeLength == 2 {
		c.convert = func(v parquet.Value) float64 {
			b := v.ByteArray()
			return float16(uint16(b[0]) | uint16(b[1])<<8)
		}
		return nil
	}
	// Dates, decimals and the like are integers in the file, and mean something else.
	signed := true
	if l := e.LogicalType; l != nil {
		if l.Integer == nil {
			return fmt.Errorf("type %v is not supported: want numbers", l)
		}
		signed = l.Integer.IsSigned
	} else if t := e.ConvertedType; t != nil {
		switch *t {
		case 11, 12, 13, 14: // UINT_8 to UINT_64
			signed = false
		case 15, 16, 17, 18: // INT_8 to INT_64
		default:
			return fmt.Errorf("type %v is not supported: want numbers", *t)
		}
	}
	switch {
	case kind == parquet.Boolean:
		c.convert = func(v parquet.Value) float64 {
			if v.Boolean() {
				return 1
			}
			return 0
		}
	case kind == parquet.Int32 && signed:
		c.convert = func(v parquet.Value) float64 { return float64(v.Int32()) }
	case kind == parquet.Int32:
		c.convert = func(v parquet.Value) float64 { return float64(v.Uint32()) }
	case kind == parquet.Int64 && signed:
		c.convert = func(v parquet.Value) float64 { return float64(v.Int64()) }
		c.wide = func(v parquet.Value) int { return inexactInt(v.Int64()) }
	case kind == parquet.Int64:
		c.convert = func(v parquet.Value) float64 { return float64(v.Uint64()) }
		c.wide = func(v parquet.Value) int { return inexactUint(v.Uint64()) }
	case kind == parquet.Float:
		c.convert = func(v parquet.Value) float64 { return float64(v.Float()) }
	case kind == parquet.Double:
		c.convert = func(v parquet.Value) float64 { return v.Double() }
	default:
		return fmt.Errorf("type %v is not supported: want numbers", kind)
	}
	return nil
}
