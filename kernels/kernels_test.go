package kernels

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The kernels of a family are named OPERATION_TYPE, once in all modules, and params.h says of each operation
// how it is launched.
func TestNames(t *testing.T) {
	head := regexp.MustCompile(`(?m)^KERNEL\((\w+), (\w+), \w+\)`)
	name := regexp.MustCompile(`^(\w+?)_(f64|f32|i32|b32|b64)$`)
	params, err := sources.ReadFile("params.h")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for _, family := range Families() {
		source, err := sources.ReadFile(family + ".cu")
		if err != nil {
			t.Fatal(err)
		}
		kernels := head.FindAllStringSubmatch(string(source), -1)
		if len(kernels) == 0 {
			t.Errorf("%s.cu has no kernels", family)
		}
		for _, k := range kernels {
			if other, ok := seen[k[1]]; ok {
				t.Errorf("kernel %s is in %s and %s", k[1], other, family)
			}
			seen[k[1]] = family
			if !strings.Contains(string(params), "} "+k[2]+";") {
				t.Errorf("params.h has no struct %s of kernel %s", k[2], k[1])
			}
			m := name.FindStringSubmatch(k[1])
			switch {
			case m == nil:
				t.Errorf("kernel %s has no type", k[1])
			case !strings.Contains(string(params), m[1]+"_DTYPE") && !strings.Contains(string(params), k[1]):
				t.Errorf("params.h does not tell how %s is launched", k[1])
			}
		}
	}
	if !slices.IsSorted(Families()) || len(seen) == 0 {
		t.Errorf("families %v, %d kernels", Families(), len(seen))
	}
}
