package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"monge/kernels/sass"
)

// sample is the machine code of testdata/sample.cu, as
//
//	nvcc -O3 -std=c++17 -arch=compute_80 -ptx -o s.ptx sample.cu
//	ptxas -v -O3 -arch=sm_80 s.ptx -o s.cubin 2>sample.80.log && cuobjdump --dump-sass s.cubin >sample.80.sass
//
// gave it, without the words of the encoding. edit changes the listing.
func sample(t *testing.T, edit func(string) string) []image {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read("sample.80.sass")
	if edit != nil {
		edited := edit(text)
		if edited == text {
			t.Fatal("nothing to edit")
		}
		text = edited
	}
	kernels, err := sass.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resources, err := sass.ParseLog(strings.NewReader(read("sample.80.log")))
	if err != nil {
		t.Fatal(err)
	}
	im := image{family: "sample", arch: "80", kernels: kernels, resources: resources, threads: map[string]int{}}
	for _, k := range kernels {
		im.threads[k.Name] = 128
	}
	return []image{im}
}

func rules(t *testing.T, text string) *Rules {
	t.Helper()
	r, err := load(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const good = `
[[kernel]]
name = "sample_sum_*"
float64 = "a sum of many numbers"
[[kernel]]
name = "sample_scale_f32"
main = "LDG.128"
wide = true
clean = true
[[kernel]]
name = "sample_nest_f32"
main = "FFMA"
`

// Each way in which code can fall short is found, and named.
func TestCheck(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, new) }
	}
	local := []string{"sample_local_f32 on sm_80: 32 bytes of stack", "sample_local_f32 on sm_80: STL"}
	for _, c := range []struct {
		name, rules string
		edit        func(string) string
		want        []string
	}{
		{"as compiled", good, nil, nil},
		{"HMMA gone", good, replace("HMMA.16816.F32", "FFMA"), []string{"sample_mma_f32 on sm_80: no loop has HMMA"}},
		{"HMMA outside of the loop", good, func(s string) string { // the loop's branch falls away
			at := strings.Index(s, "HMMA")
			branch := at + strings.Index(s[at:], "@P0 BRA")
			return s[:branch] + "@P0 NOP" + s[branch+len("@P0 BRA"):]
		}, []string{"sample_mma_f32 on sm_80: no loop has HMMA"}},
		{"HGMMA missing", good, replace("sample_mma_f32", "sample_wgmma_f32"), []string{"sample_wgmma_f32 on sm_80: nothing in ptxas's log", "sample_wgmma_f32 on sm_80: no loop has HGMMA"}},
		{"no 16-byte loads", good, replace("LDG.E.128", "LDG.E.64"), []string{"sample_scale_f32 on sm_80: no loop has LDG.128"}},
		{"narrow stores", good, replace("STG.E.128", "STG.E"), []string{"sample_scale_f32 on sm_80: STG.E at 0x"}},
		{"a marked loop without", strings.Replace(good, `"FFMA"`, `"MUFU.SIN"`, 1), nil, []string{"sample_nest_f32 on sm_80: no loop has MUFU.SIN"}},
		{"float64", strings.Replace(good, `"sample_sum_*"`, `"sample_sum_f64"`, 1), nil,
			[]string{"sample_sum_f32 on sm_80: float64 in a loop: F2F.F64.F32 at 0x1b0", "rule sample_sum_f64 is about no kernel"}},
		{"float64 in the main loop", good + "[[kernel]]\nname = \"sample_sum_f32\"\nmain = \"DADD\"\nclean = true\n", nil,
			[]string{"sample_sum_f32 on sm_80: float64 in the main loop: F2F.F64.F32"}},
		{"an excuse for nothing", good + "[[kernel]]\nname = \"sample_mma_*\"\nfloat64 = \"why not\"\n", nil, []string{"rule sample_mma_* excuses float64 where there is none"}},
		{"no HMMA, with a reason", good + "[[kernel]]\nname = \"sample_mma_*\"\nplain = \"a merge\"\n", replace("HMMA.16816.F32", "FFMA"), nil},
		{"a reason for nothing", good + "[[kernel]]\nname = \"sample_mma_*\"\nplain = \"a merge\"\n", nil, []string{"rule sample_mma_* excuses a kernel from the tensor cores"}},
		{"of another architecture", good + "[[kernel]]\nname = \"*\"\narch = [\"90\"]\nmain = \"FFMA\"\n", nil, []string{"rule * is about no kernel"}},
	} {
		got := rules(t, c.rules).check(sample(t, c.edit))
		want := slices.Concat(local, c.want)
		if len(got) != len(want) {
			t.Errorf("%s: %d wrong, want %d:\n%s", c.name, len(got), len(want), strings.Join(got, "\n"))
			continue
		}
		for _, w := range want {
			if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
				t.Errorf("%s: no %q in\n%s", c.name, w, strings.Join(got, "\n"))
			}
		}
	}
}

func TestRules(t *testing.T) {
	for text, want := range map[string]string{
		"[[kernel]]\nname = \"x\"\n":                                            "want main, float64 or plain",
		"[[kernel]]\nname = \"x\"\nfloat64 = \"y\"\nwide = true":                "want main, float64 or plain",
		"[[kernel]]\nname = \"[\"\nmain = \"LDG\"":                              "name",
		"[[kernel]]\nnames = \"x\"":                                             "names",
		"[[bound]]\nname = \"x\"":                                               "want name, unit",
		"[[bound]]\nname = \"x\"\nunit = \"pair\"\nloops = [{mark = \"FFMA\"}]": "loop",
		"[": "audit: rules",
	} {
		if _, err := load(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

// The bound of the nest's inner loop at 64 numbers a unit, by hand: a trip has 13 instructions, 2 of them FFMA,
// so 32 trips a unit: 64 FFMA and 32 * 5 IMAD of the same pipe, 416 slots, and the A100 issues
// 4 * 108 * 1.41e9 warps' instructions a second.
func TestTable(t *testing.T) {
	r := rules(t, "[[bound]]\nname = \"sample_nest_f32\"\nwhat = \"d = 64\"\nunit = \"pair\"\nshared = 2048\nloops = [{mark = \"FFMA\", units = 32, marks = 64}]\n"+
		"[[bound]]\nname = \"sample_scale_f32\"\nunit = \"number\"\nbytes = 8\n")
	images := sample(t, nil)
	table, err := r.table(images)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 4 {
		t.Fatal(table)
	}
	fields := strings.Split(lines[2], " | ")
	want := map[int]string{0: "| sample_nest_f32", 1: "d = 64", 2: "80", 4: "2", 12: "416", 6: "0", 13: "47 Gpairs/s, issue"}
	for i, w := range want {
		if i >= len(fields) || fields[i] != w {
			t.Errorf("column %d: %q, want %q", i, fields, w)
		}
	}
	if !strings.Contains(lines[3], "255 Gnumbers/s, memory") { // 2039 GB/s of 8 bytes a number
		t.Error(lines[3])
	}

	file := filepath.Join(t.TempDir(), "README.md")
	text := "a\n" + begin + "old\n" + end + "b\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := place(file, table, false); err == nil || !strings.Contains(err.Error(), "make roofline") {
		t.Errorf("an old table: %v", err)
	}
	if err := place(file, table, true); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != "a\n"+begin+table+end+"b\n" {
		t.Errorf("%s", got)
	}
	if err := place(file, table, false); err != nil {
		t.Error(err)
	}
	if err := place(filepath.Join("testdata", "sample.cu"), table, true); err == nil {
		t.Error("a file without marks")
	}
	if _, err := rules(t, "[[bound]]\nname = \"none\"\nunit = \"x\"\nbytes = 1").table(images); err == nil {
		t.Error("a bound of no kernel")
	}
}

func TestThreads(t *testing.T) {
	got := threads(".visible .entry a_f32(\n)\n.maxntid 128, 1, 1\n.visible .entry b_f64(\n)\n.maxntid 256, 1, 1\n.minnctapersm 1\n")
	if len(got) != 2 || got["a_f32"] != 128 || got["b_f64"] != 256 {
		t.Error(got)
	}
}
