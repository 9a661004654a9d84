package kernels

import (
	"regexp"
	"slices"
	"strconv"
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

// The code for sm_90 is assembled from the PTX made for sm_80, so what a source asks of the architecture has one answer for
// both. Headers of the toolkit ask for themselves, and none that does is included.
func TestOneCodeFor80And90(t *testing.T) {
	entries, err := sources.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := sources.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if why := tellsApart(line); why != "" {
				t.Errorf("%s:%d: %s: %s", entry.Name(), i+1, why, line)
			}
		}
	}
	for line, apart := range map[string]bool{
		"#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000": false, "#if __CUDA_ARCH__ < 800": false, "#ifdef __CUDA_ARCH__": false,
		"#if __CUDA_ARCH__ >= 900": true, "#if 860 < __CUDA_ARCH__": true, "#if __CUDA_ARCH__ == 800": true,
		"#if __CUDA_ARCH__ >= 1000 || __CUDA_ARCH__ < 890": true, "#ifdef __CUDA_ARCH_FEAT_SM90_ALL": true, "#include <cuda_fp16.h>": true,
		"	NV_IF_TARGET(NV_PROVIDES_SM_90, (a;), (b;))": true, "#include <math.h>": false, "switch (__CUDA_ARCH__) {": true,
	} {
		if why := tellsApart(line); (why != "") != apart {
			t.Errorf("%s: %q", line, why)
		}
	}
}

var (
	architecture = regexp.MustCompile(`\w*__CUDA_ARCH\w*|\bNV_\w+`)
	comparison   = regexp.MustCompile(`__CUDA_ARCH__ (?:<|>=) (\d+)`)
	include      = regexp.MustCompile(`^\s*#\s*include\s*<(.*)>`)
)

// tellsApart says why a line may mean another thing for sm_80 than for sm_90, "" where it does not.
func tellsApart(line string) string {
	if m := include.FindStringSubmatch(line); m != nil && m[1] != "math.h" && m[1] != "stdint.h" {
		return "a header that may ask for the architecture"
	}
	rest := strings.NewReplacer("defined(__CUDA_ARCH__)", "", "#ifdef __CUDA_ARCH__", "").Replace(line)
	rest = comparison.ReplaceAllStringFunc(rest, func(text string) string {
		// Both are on one side of the number.
		if n, err := strconv.Atoi(comparison.FindStringSubmatch(text)[1]); err == nil && (n <= 800 || n > 900) {
			return ""
		}
		return text
	})
	if architecture.MatchString(rest) {
		return "a question with two answers"
	}
	return ""
}
