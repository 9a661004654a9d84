package sweep

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// reader turns a document's values into a Spec's; the first error sticks.
type reader struct {
	file string
	err  error
}

func (r *reader) fail(key, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s: %s: %w", r.file, key, fmt.Sprintf(format, args...), ErrSpec)
	}
}

// settings reads the flags of a table in the order of its keys.
func (r *reader) settings(table string, m map[string]any, order []string) []Setting {
	var s []Setting
	for _, k := range order {
		if v, ok := r.value(table+"."+k, m[k]); ok {
			s = append(s, Setting{k, v})
		}
	}
	return s
}

// value reads one value; a list becomes what flags of several values take.
func (r *reader) value(key string, v any) (Value, bool) {
	switch v := v.(type) {
	case string:
		return Value{Text: v}, true
	case bool:
		return Value{Text: strconv.FormatBool(v)}, true
	case int64:
		return Value{strconv.FormatInt(v, 10), true}, true
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return Value{formatNumber(v), true}, true
		}
	case []any:
		var parts []string
		for i, e := range v {
			p, ok := r.value(fmt.Sprintf("%s[%d]", key, i), e)
			if !ok {
				return Value{}, false
			}
			parts = append(parts, p.Text)
		}
		return Value{Text: strings.Join(parts, ",")}, true
	}
	r.fail(key, "%v: want a string, a finite number, true or false, or a list of them", v)
	return Value{}, false
}

// axis reads the values of an axis.
func (r *reader) axis(key string, v any) []Value {
	switch v := v.(type) {
	case []any:
		values := make([]Value, 0, len(v))
		for i, e := range v {
			one, ok := r.value(fmt.Sprintf("%s[%d]", key, i), e)
			if !ok {
				return nil
			}
			if slices.Contains(values, one) {
				r.fail(fmt.Sprintf("%s[%d]", key, i), "%s: it is in the list already", one.Text)
			}
			values = append(values, one)
		}
		return values
	case map[string]any:
		return r.span(key, v)
	}
	r.fail(key, "%v: want a list, {from, to, step} or {from, to, factor}", v)
	return nil
}

// span reads {from, to, step}, from + i step up to to, or {from, to, factor}, from factor^i up to to.
func (r *reader) span(key string, m map[string]any) []Value {
	number := map[string]float64{}
	whole := true
	for k, v := range m {
		if !slices.Contains([]string{"from", "to", "step", "factor"}, k) {
			r.fail(key+"."+k, "unknown key")
			return nil
		}
		switch v := v.(type) {
		case int64:
			number[k] = float64(v)
		case float64:
			number[k] = v
			whole = whole && (k == "to" || v == math.Trunc(v))
		default:
			r.fail(key+"."+k, "%v: want a number", v)
			return nil
		}
		if math.IsNaN(number[k]) || math.IsInf(number[k], 0) {
			r.fail(key+"."+k, "%v: want a finite number", v)
			return nil
		}
	}
	from, to := number["from"], number["to"]
	step, stepped := number["step"]
	factor, multiplied := number["factor"]
	for _, k := range []string{"from", "to"} {
		if _, ok := number[k]; !ok {
			r.fail(key+"."+k, "missing")
			return nil
		}
	}
	var at func(i int) float64
	var count float64
	switch {
	case stepped == multiplied:
		r.fail(key, "want exactly one of step and factor")
		return nil
	case stepped && (step == 0 || (to-from)/step < 0):
		r.fail(key+".step", "%v: it does not lead from %v to %v", step, from, to)
		return nil
	case stepped: // a share of a step forgives the roundings of from, to and step
		count = math.Floor((to-from)/step+1e-9) + 1
		at = func(i int) float64 { return from + float64(i)*step }
	case !(factor > 0) || factor == 1 || !(from > 0) || !(to > 0) || (to-from)*(factor-1) < 0:
		r.fail(key+".factor", "%v: it does not lead from %v to %v, all above 0", factor, from, to)
		return nil
	default:
		count = math.Floor(math.Log(to/from)/math.Log(factor)+1e-9) + 1
		at = func(i int) float64 { return from * math.Pow(factor, float64(i)) }
	}
	if count > maxRuns {
		r.fail(key, "%.0f values: want at most %d", count, maxRuns)
		return nil
	}
	values := make([]Value, int(count))
	for i := range values {
		v := at(i)
		if whole {
			v = math.Round(v)
		}
		values[i] = Value{formatNumber(tidy(v)), true}
	}
	return values
}

// formatNumber writes a number in the fewest digits that give it back.
func formatNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// tidy rounds a computed number to 12 digits, so that .1 + 2 .1 is .3.
func tidy(v float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if err != nil {
		return v
	}
	return rounded
}
