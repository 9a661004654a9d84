package arrayio

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		columns    string
		want       string
	}{
		{"plain", "1,2\n3,4\n", "", "[2 2] [1 2 3 4] []"},
		{"no last newline", "1,2\n3,4", "", "[2 2] [1 2 3 4] []"},
		{"one row", "1,2,3", "", "[1 3] [1 2 3] []"},
		{"header", "x,y\n1,2\n", "", "[1 2] [1 2] []"},
		{"half a header", "x,1\n1,2\n", "", "[1 2] [1 2] [first row taken as the header: x, 1]"},
		{"bom crlf blank", "\ufeffx,y\r\n\r\n1,2\r\n   \r\n3,4\r\n\r\n", "", "[2 2] [1 2 3 4] []"},
		{"bom number", "\ufeff1,2\n", "", "[1 2] [1 2] []"},
		{"comments", "# a \"quoted, comment\n1,2\n  # b\n#c,d,e\n3,4\n", "", "[2 2] [1 2 3 4] []"},
		{"quoted", "\"x\",\"y, z\"\n\"1\",\"2\"\n3, \"4\"\n", "", "[2 2] [1 2 3 4] []"},
		{"spaces", " 1 , 2\n3,\t4 \n", "", "[2 2] [1 2 3 4] []"},
		{"forms", "1e3,-2.5E-1\n+3,.5\n", "", "[2 2] [1000 -0.25 3 0.5] []"},
		{"one column", "1\n2\n\n3\n", "", "[3 1] [1 2 3] []"},
		{"by name", "x,y,label\n1,2,a\n3,4,b\n", "y,x", "[2 2] [2 1 4 3] []"},
		{"by number", "x,y,label\n1,2,a\n3,4,b\n", "1-2", "[2 2] [1 2 3 4] []"},
		{"by range of names", "a,x0,x1,x2,b\n7,1,2,3,8\n", "x0-x2", "[1 3] [1 2 3] []"},
		{"by range with a colon", "a,x0,x1,x2,b\n7,1,2,3,8\n", "2:4,1", "[1 4] [1 2 3 7] []"},
		{"name with a dash", "a-b,c\n7,1\n", "a-b", "[1 1] [7] []"},
		{"name before number", "2,1,x\n7,8,9\n", "1", "[1 1] [8] [first row taken as the header: 2, 1, x]"},
		{"header of numbers and names", "label,0,1\n5,1,2\n", "2-3", "[1 2] [1 2] [first row taken as the header: label, 0, 1]"},
		{"text beside numbers", "1,2,a\n3,4,b\n", "1-2", "[2 2] [1 2 3 4] []"},
		{"header of numbers, named", "10,20\n1,2\n", "20", "[1 1] [2] [first row taken as the header: 10, 20]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o Options
			if c.columns != "" {
				o.Columns = strings.Split(c.columns, ",")
			}
			for _, file := range []string{"a.csv", "a.csv.gz"} {
				data := []byte(c.text)
				if strings.HasSuffix(file, ".gz") {
					data = gzipped(data)
				}
				a, err := ReadPoints(save(t, file, data), o)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(a.Shape, a.Data, a.Notes); got != c.want {
					t.Errorf("%s: %s, want %s", file, got, c.want)
				}
			}
		})
	}
	a, err := ReadPoints(save(t, "a.tsv", []byte("x\ty\n1\t2\n")), Options{})
	if err != nil || fmt.Sprint(a.Shape, a.Data) != "[1 2] [1 2]" {
		t.Errorf("tsv: %v, %v", a, err)
	}
}

func TestMalformedCSV(t *testing.T) {
	for _, c := range []struct {
		name, text, columns string
		want                []string
	}{
		{"blank", "\n\n", "", []string{"no rows"}},
		{"bom alone", "\ufeff", "", []string{"no rows"}},
		{"comments alone", "# 1,2\n", "", []string{"no rows"}},
		{"header alone", "x,y\n", "", []string{"no rows below the header: x, y"}},
		{"one row that is no number", "1,2,x\n", "", []string{"no rows below the header: 1, 2, x"}},
		{"ragged", "x,y\n1,2\n\n3,4,5\n", "", []string{"row 2 (line 4)", "3 cells", "2"}},
		{"ragged short", "1,2\n3\n", "", []string{"row 2 (line 2)", "1 cells"}},
		{"text", "x,y\n1,2\n3,four\n", "", []string{"row 2 (line 3)", `column 2 ("y")`, `"four"`, "not a number"}},
		{"text without header", "1,2\n3,4\nfive,6\n", "", []string{"row 3 (line 3)", "column 1:", `"five"`}},
		{"empty cell", "1,2\n3,\n", "", []string{"row 2", "column 2", "empty"}},
		{"nan", "x,y\n1,nan\n", "", []string{"row 1 (line 2)", `column 2 ("y")`, "NaN", "not finite"}},
		{"nan in row 1", "nan,1\n2,3\n", "", []string{"row 1 (line 1)", "column 1", "NaN"}},
		{"inf", "1,2\n-Infinity,2\n", "", []string{"row 2", "column 1", "-inf"}},
		{"range", "1,2\n1e999,2\n", "", []string{"row 2", "column 1", `"1e999"`, "beyond the range"}},
		{"underscore", "1,2\n3,1_0\n", "", []string{"row 2", "column 2", `"1_0"`, "not a number"}},
		{"hexadecimal", "1,2\n0x1p4,3\n", "", []string{"row 2", "column 1", `"0x1p4"`, "not a number"}},
		{"semicolons", "x;y\n1;2\n", "", []string{"row 1", "column 1", `"1;2"`, "separated by commas"}},
		{"decimal commas", "x\n1,5\n", "", []string{"row 1 (line 2)", "2 cells"}},
		{"open quote", "1,2\n\"3,4\n", "", []string{"line"}},
		{"bare quote", "1,2\n3\",4\n", "", []string{"line 2"}},
		{"no such name", "x,y\n1,2\n", "z", []string{`column "z"`, "x, y"}},
		{"no such number", "x,y\n1,2\n", "3", []string{`column "3"`, "1 to 2"}},
		{"zero", "1,2\n", "0", []string{`column "0"`, "1 to 2"}},
		{"same names", "x,x\n1,2\n", "x", []string{`column "x"`, "columns 1 and 2"}},
		{"picked text", "x,y\n1,a\n", "y", []string{"row 1", `column 2 ("y")`, `"a"`}},
		{"binary", "\x00\x01\x02\n1\n\xff\xfe\n", "", []string{"row 2", "column 1"}},
		{"long cell", "1\n" + strings.Repeat("x", 1000) + "\n", "", []string{"..."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o Options
			if c.columns != "" {
				o.Columns = strings.Split(c.columns, ",")
			}
			path := save(t, "a.csv", []byte(c.text))
			_, err := ReadPoints(path, o)
			wantError(t, err, path, c.want...)
			if len(err.Error()) > 400 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
		})
	}
}
