package arrayio

import (
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// WriteColumns writes a table of text cells [rows][columns] as parquet: numeric columns as doubles, the others as strings;
// an empty cell is a null. path names it in errors.
func WriteColumns(w io.Writer, path string, names []string, numeric []bool, rows [][]string) error {
	if len(names) == 0 || len(names) > parquet.MaxColumnIndex {
		return inputf(path, "a table of %d columns does not fit .parquet, which holds 1 to %d", len(names), parquet.MaxColumnIndex)
	}
	group := parquet.Group{}
	place := map[string]int{}
	for j, name := range names {
		kind := parquet.String()
		if numeric[j] {
			kind = parquet.Leaf(parquet.DoubleType)
		}
		group[name] = parquet.Optional(kind)
		place[name] = j
	}
	fields := make([]parquet.Field, len(names))
	for _, f := range group.Fields() {
		fields[place[f.Name()]] = f
	}
	pw := parquet.NewGenericWriter[any](w, parquet.NewSchema("results", &orderedGroup{Group: group, fields: fields}), parquet.Compression(&parquet.Uncompressed))
	for j, c := range pw.ColumnWriters() {
		values := make([]parquet.Value, len(rows))
		for i, row := range rows {
			switch cell := row[j]; {
			case cell == "":
				values[i] = parquet.NullValue().Level(0, 0, j)
			case numeric[j]:
				v, err := strconv.ParseFloat(cell, 64)
				if err != nil {
					return inputf(path, "row %d, column %s: %w", i+1, names[j], err)
				}
				values[i] = parquet.DoubleValue(v).Level(0, 1, j)
			default:
				values[i] = parquet.ByteArrayValue([]byte(cell)).Level(0, 1, j)
			}
		}
		if _, err := c.WriteRowValues(values); err != nil {
			return err
		}
	}
	return pw.Close()
}
