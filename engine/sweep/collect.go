package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Table is one row a run, in the order of the plan: text cells, "" where there is nothing, with the columns in which every
// cell is a number or empty marked as such.
type Table struct {
	Columns []string
	Numeric []bool
	Rows    [][]string
}

// lastColumns end every table.
var lastColumns = []string{"version", "engine.name", "seconds", "peak_bytes"}

// Collect gathers the results of all runs: id, status, the axes, the derived flags, the results' JSON with names joined by
// dots (lists stay JSON), and the version, engine, seconds and peak memory. Runs that are not done have a status alone.
func (s *Store) Collect(version string) (*Table, error) {
	t := &Table{Columns: append([]string{"id", "status"}, slices.Concat(s.Plan.Keys, s.Plan.Made)...)}
	fixed := slices.Concat(t.Columns, lastColumns)
	var names []string // of the results, in the order in which they come
	rows := make([]map[string]string, len(s.Plan.Runs))
	for i, r := range s.Plan.Runs {
		state, rec := s.Look(r, version)
		row := map[string]string{"id": r.ID, "status": string(state)}
		for k, v := range r.Axes {
			row[k] = v.Text
		}
		for k, v := range r.Made {
			row[k] = v
		}
		rows[i] = row
		if rec == nil {
			continue
		}
		row["version"] = rec.Version
		row["seconds"] = formatNumber(rec.Seconds)
		row["peak_bytes"] = strconv.FormatInt(rec.PeakBytes, 10)
		if rec.Result == nil {
			continue
		}
		err := flatten(rec.Result, "", func(name, value string) {
			switch {
			case name == "engine.name" || name == "seconds":
				row[name] = value
			case slices.Contains(fixed, name): // an axis or the run's own column has the name
				row["result."+name] = value
				if !slices.Contains(names, "result."+name) {
					names = append(names, "result."+name)
				}
			default:
				row[name] = value
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("sweep: %s: %w", s.path(r, resultName), err)
		}
	}
	t.Columns = slices.Concat(t.Columns, names, lastColumns)
	for _, row := range rows {
		cells := make([]string, len(t.Columns))
		for j, c := range t.Columns {
			cells[j] = row[c]
		}
		t.Rows = append(t.Rows, cells)
	}
	t.Numeric = make([]bool, len(t.Columns))
	for j, c := range t.Columns {
		filled := 0
		numeric := c != "id"
		for _, row := range t.Rows {
			if row[j] == "" {
				continue
			}
			filled++
			if _, err := strconv.ParseFloat(row[j], 64); err != nil {
				numeric = false
			}
		}
		t.Numeric[j] = numeric && filled > 0
	}
	return t, nil
}

// Flatten calls add for every value of a JSON object, in its order: names of objects within are joined by dots, lists stay
// JSON, null is "".
func Flatten(text []byte, add func(name, value string)) error { return flatten(text, "", add) }

func flatten(text []byte, prefix string, add func(name, value string)) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the result is no JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		name := prefix + fmt.Sprint(key)
		switch raw[0] {
		case '{':
			if err := flatten(raw, name+".", add); err != nil {
				return err
			}
		case '[':
			var b bytes.Buffer
			if err := json.Compact(&b, raw); err != nil {
				return err
			}
			add(name, b.String())
		case '"':
			var v string
			if err := json.Unmarshal(raw, &v); err != nil {
				return err
			}
			add(name, v)
		case 'n':
			add(name, "")
		default:
			add(name, string(raw))
		}
	}
	return nil
}

// Column returns the place of a column; its error lists what there is.
func (t *Table) Column(name string) (int, error) {
	if j := slices.Index(t.Columns, name); j >= 0 {
		return j, nil
	}
	return 0, fmt.Errorf("sweep: no column %q among %s: %w", name, strings.Join(t.Columns, ", "), ErrSpec)
}

// WriteCSV writes the table with a head.
func (t *Table) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Columns); err != nil {
		return err
	}
	return c.WriteAll(t.Rows)
}
