package tomlfile

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// beyond returns the key of the number at a line and column of a document, and the number with what it exceeds, where its
// type does not hold it; "" otherwise.
func beyond(text []byte, line, column int) (at, value string) {
	var p unstable.Parser
	p.Reset(text)
	table := ""
	lengths := map[string]int{} // of lists of tables
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = ""
			for keys := e.Key(); keys.Next(); {
				table = inside(table, string(keys.Node().Data))
				if e.Kind == unstable.ArrayTable && keys.IsLast() {
					lengths[table]++
				}
				if n := lengths[table]; n > 0 {
					table = fmt.Sprintf("%s[%d]", table, n-1)
				}
			}
		case unstable.KeyValue:
			for number, key := range numbers(e, table) {
				start := p.Shape(p.Range(number.Data)).Start
				if start.Line == line && start.Column == column {
					if limit := exceeded(number); limit != "" {
						return key, fmt.Sprintf("%s: beyond the range of %s", number.Data, limit)
					}
				}
			}
		}
	}
	return "", ""
}

// numbers yields the numbers in a value, or in a key and its value, at a key, with their keys.
func numbers(n *unstable.Node, key string) iter.Seq2[*unstable.Node, string] {
	return func(yield func(*unstable.Node, string) bool) { visit(n, key, yield) }
}

func visit(n *unstable.Node, key string, yield func(*unstable.Node, string) bool) bool {
	switch n.Kind {
	case unstable.KeyValue:
		for keys := n.Key(); keys.Next(); {
			key = inside(key, string(keys.Node().Data))
		}
		return visit(n.Value(), key, yield)
	case unstable.InlineTable, unstable.Array:
		entry := key
		i := 0
		for inner := n.Children(); inner.Next(); i++ {
			if n.Kind == unstable.Array {
				entry = fmt.Sprintf("%s[%d]", key, i)
			}
			if !visit(inner.Node(), entry, yield) {
				return false
			}
		}
	case unstable.Float, unstable.Integer:
		return yield(n, key)
	}
	return true
}

// exceeded returns what does not hold a number, "" where it is held.
func exceeded(n *unstable.Node) string {
	digits := strings.ReplaceAll(string(n.Data), "_", "")
	var err error
	limit := "float64"
	if n.Kind == unstable.Float {
		_, err = strconv.ParseFloat(digits, 64)
	} else {
		limit = "whole numbers of 64 bits"
		_, err = strconv.ParseInt(digits, 0, 64)
	}
	if errors.Is(err, strconv.ErrRange) {
		return limit
	}
	return ""
}

// inside returns the key of an entry of a table; "" is the document.
func inside(table, key string) string { return strings.TrimPrefix(table+"."+key, ".") }
