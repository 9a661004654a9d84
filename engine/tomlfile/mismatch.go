package tomlfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// mismatch returns the key of the first value, in alphabetical order, that type t does not hold at its place, and what it
// holds there; "" where there is none. v is what a decoder makes of a document without a type.
func mismatch(t reflect.Type, v any, key string) (at, want string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	holds := false
	switch x := v.(type) {
	case map[string]any:
		if holds = t.Kind() == reflect.Struct || t.Kind() == reflect.Map || t.Kind() == reflect.Interface; !holds {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			inner, ok := place(t, k)
			if !ok {
				continue
			}
			if at, want := mismatch(inner, x[k], inside(key, k)); at != "" {
				return at, want
			}
		}
	case []any:
		if holds = t.Kind() == reflect.Slice; !holds {
			break
		}
		for i, e := range x {
			if at, want := mismatch(t.Elem(), e, fmt.Sprintf("%s[%d]", key, i)); at != "" {
				return at, want
			}
		}
	case string:
		holds = t.Kind() == reflect.String
	case bool:
		holds = t.Kind() == reflect.Bool
	case float64:
		holds = t.Kind() == reflect.Float64
	case int64:
		holds = t.Kind() == reflect.Float64 || t.Kind() == reflect.Int || t.Kind() == reflect.Uint64 && x >= 0
	}
	if holds || t.Kind() == reflect.Interface {
		return "", ""
	}
	return fmt.Sprintf("%s: %s", key, show(v)), word(t)
}

// place returns the type of the value of a key in a table that is decoded into t.
func place(t reflect.Type, key string) (reflect.Type, bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); strings.EqualFold(name(f), key) {
				return f.Type, true
			}
		}
	}
	return nil, false
}

// name returns the key of a field.
func name(f reflect.StructField) string {
	if n, _, _ := strings.Cut(f.Tag.Get("toml"), ","); n != "" {
		return n
	}
	return f.Name
}

// word says what a value of type t is to the writer of a file.
func word(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float64:
		return "a number"
	case reflect.Int:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number from 0 on"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "a table"
}

// show writes a value on one short line.
func show(v any) string {
	s := fmt.Sprint(v)
	if text, ok := v.(string); ok {
		s = fmt.Sprintf("%q", text)
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	return s
}
