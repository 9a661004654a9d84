package kernels

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var macro = regexp.MustCompile(`(?m)^#define (\w+)\((\w+)\)\s*\\\n((?:.*\\\n)*.*\n)`)

// expand writes out the uses of macros of one argument that define kernels, KERNEL(name_##X##_f32, ...).
func expand(source string) string {
	for _, m := range macro.FindAllStringSubmatch(source, -1) {
		use := regexp.MustCompile(`(?m)^` + m[1] + `\((\w+)\)$`)
		body := regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(m[3], "")
		source = use.ReplaceAllStringFunc(source, func(text string) string {
			return strings.ReplaceAll(body, "##"+m[2]+"##", use.FindStringSubmatch(text)[1])
		})
	}
	return source
}

// The kernels of a family are named OPERATION_TYPE, once in all modules, and params.h, with what it includes, says of each operation
// how it is launched.
func TestNames(t *testing.T) {
	head := regexp.MustCompile(`(?m)^KERNEL(?:_BLOCKS)?\((\w+), (\w+), \w+[,)]`)
	name := regexp.MustCompile(`^(\w+?)_(f64|f32|i32|b32|b64)$`)
	var params strings.Builder
	for _, name := range []string{"params.h", "params_mixture.h", "params_steps.h", "params_array.h"} {
		text, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		params.Write(text)
	}
	seen := make(map[string]string)
	for _, family := range Families() {
		source, err := sources.ReadFile(family + ".cu")
		if err != nil {
			t.Fatal(err)
		}
		kernels := head.FindAllStringSubmatch(expand(string(source)), -1)
		if len(kernels) == 0 {
			t.Errorf("%s.cu has no kernels", family)
		}
		for _, k := range kernels {
			if other, ok := seen[k[1]]; ok {
				t.Errorf("kernel %s is in %s and %s", k[1], other, family)
			}
			seen[k[1]] = family
			if !strings.Contains(params.String(), "} "+k[2]+";") {
				t.Errorf("params.h has no struct %s of kernel %s", k[2], k[1])
			}
			m := name.FindStringSubmatch(k[1])
			switch {
			case m == nil:
				t.Errorf("kernel %s has no type", k[1])
			case !strings.Contains(params.String(), m[1]+"_DTYPE") && !strings.Contains(params.String(), k[1]):
				t.Errorf("params.h does not tell how %s is launched", k[1])
			}
		}
	}
	if !slices.IsSorted(Families()) || len(seen) == 0 {
		t.Errorf("families %v, %d kernels", Families(), len(seen))
	}
}
