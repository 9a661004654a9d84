package arrayio

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// npyHeader is what a .npy file says about its array.
type npyHeader struct {
	dtype   npyDtype
	fortran bool
	shape   []int
	count   int64 // numbers in all
}

// npyDtype is a numeric type of fixed size.
type npyDtype struct {
	kind byte // 'f', 'i', 'u', 'b'
	size int  // bytes
	big  bool // big endian
}

// parseNpyDtype reads a descr such as "<f8". Types that are no real numbers are errors that name them.
func parseNpyDtype(descr string) (npyDtype, error) {
	var t npyDtype
	order, code := byte('|'), descr
	if descr != "" && strings.IndexByte("<>|=", descr[0]) >= 0 {
		order, code = descr[0], descr[1:]
	}
	if code != "" {
		t.kind = code[0]
		if n, err := strconv.Atoi(code[1:]); err == nil {
			t.size = n
		}
	}
	t.big = order == '>'
	ok := false
	switch t.kind {
	case 'f':
		ok = t.size == 2 || t.size == 4 || t.size == 8
	case 'i', 'u':
		ok = t.size == 1 || t.size == 2 || t.size == 4 || t.size == 8
	case 'b':
		ok = t.size == 1
	}
	if ok {
		return t, nil
	}
	names := map[byte]string{'O': "Python objects", 'c': "complex numbers", 'S': "strings", 'a': "strings",
		'U': "strings", 'V': "raw bytes", 'M': "dates", 'm': "time differences", 'f': "long floats"}
	if name := names[t.kind]; name != "" {
		return t, fmt.Errorf("dtype %s (%s) is not supported: want float16, float32, float64, integers or bool", quote(descr), name)
	}
	return t, fmt.Errorf("dtype %s is not supported: want float16, float32, float64, integers or bool", quote(descr))
}

// parseNpyHeader reads the Python literal that describes the array:
//
//	{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
func parseNpyHeader(text string) (*npyHeader, error) {
	p := &literal{text: text}
	h := &npyHeader{}
	seen := map[string]bool{}
	if !p.take('{') {
		return nil, p.want("{")
	}
	for !p.take('}') {
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("header: key %s twice", quote(key))
		}
		seen[key] = true
		if !p.take(':') {
			return nil, p.want(":")
		}
		switch key {
		case "descr":
			if p.peek() == '[' || p.peek() == '(' {
				return nil, fmt.Errorf("structured dtype %s is not supported: want one number an entry", quote(p.nested()))
			}
			descr, err := p.str()
			if err != nil {
				return nil, err
			}
			if h.dtype, err = parseNpyDtype(descr); err != nil {
				return nil, err
			}
		case "fortran_order":
			if h.fortran, err = p.boolean(); err != nil {
				return nil, err
			}
		case "shape":
			if h.shape, err = p.tuple(); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("header: unknown key %s", quote(key))
		}
		if !p.take(',') && p.peek() != '}' {
			return nil, p.want(", or }")
		}
	}
	if p.peek() != 0 {
		return nil, p.want("the end")
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return nil, fmt.Errorf("header: key '%s' is missing", key)
		}
	}
	return h, h.countNumbers()
}

// countNumbers multiplies the shape up and refuses arrays whose bytes no file could hold.
func (h *npyHeader) countNumbers() error {
	h.count = 1
	for _, n := range h.shape {
		if n == 0 {
			h.count = 0
			return nil
		}
	}
	for _, n := range h.shape {
		if h.count > math.MaxInt64/8/int64(n) {
			return fmt.Errorf("header: shape %s overflows", shapeString(h.shape))
		}
		h.count *= int64(n)
	}
	return nil
}

// literal is a cursor in a Python literal of strings, booleans and tuples of integers.
type literal struct {
	text string
	pos  int
}

// peek returns the next character that is not space, 0 at the end.
func (p *literal) peek() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\f", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// take steps over c if it comes next.
func (p *literal) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

func (p *literal) rest() string { return strings.TrimSpace(p.text[p.pos:]) }

// nested returns the text from a bracket to the one that closes it, or to the end.
func (p *literal) nested() string {
	text, depth := p.rest(), 0
	for i, c := range text {
		switch c {
		case '[', '(':
			depth++
		case ']', ')':
			if depth--; depth == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}

func (p *literal) want(what string) error {
	return fmt.Errorf("header: want %s at %s", what, quote(p.rest()))
}

func (p *literal) str() (string, error) {
	q := p.peek()
	if q != '\'' && q != '"' {
		return "", p.want("a string")
	}
	start := p.pos + 1
	end := strings.IndexByte(p.text[start:], q)
	if end < 0 {
		return "", p.want("a string")
	}
	p.pos = start + end + 1
	return p.text[start : start+end], nil
}

func (p *literal) boolean() (bool, error) {
	p.peek()
	for word, v := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.text[p.pos:], word) {
			p.pos += len(word)
			return v, nil
		}
	}
	return false, p.want("True or False")
}

// tuple reads (), (3,), (3, 4); Python 2 wrote (3L, 4L).
func (p *literal) tuple() ([]int, error) {
	if !p.take('(') {
		return nil, p.want("a tuple")
	}
	shape := []int{}
	for !p.take(')') {
		c := p.peek()
		start := p.pos
		if c == '-' || c == '+' {
			p.pos++
		}
		for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
			p.pos++
		}
		n, err := strconv.Atoi(p.text[start:p.pos])
		switch {
		case errors.Is(err, strconv.ErrRange):
			return nil, fmt.Errorf("header: length %s in the shape overflows", quote(p.text[start:p.pos]))
		case err != nil:
			p.pos = start
			return nil, p.want("a length")
		case n < 0:
			return nil, fmt.Errorf("header: length %d in the shape is negative", n)
		}
		p.take('L')
		shape = append(shape, n)
		if !p.take(',') && p.peek() != ')' {
			return nil, p.want(", or )")
		}
	}
	return shape, nil
}
