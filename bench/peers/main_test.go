package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"monge/engine/arrayio"
)

// write puts arrays of the given shapes into a folder.
func write(t *testing.T, dir string, arrays map[string][]float64, shapes map[string][]int) {
	t.Helper()
	var out arrayio.Outputs
	defer out.Abort()
	for name, v := range arrays {
		path := filepath.Join(dir, name+".npy")
		if err := out.Declare(path, len(shapes[name])); err != nil {
			t.Fatal(err)
		}
		if err := out.Write(path, shapes[name], v); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
}

// ask serves the requests and returns the answers.
func ask(t *testing.T, requests ...map[string]any) []answer {
	t.Helper()
	var in, out bytes.Buffer
	for _, r := range requests {
		if err := json.NewEncoder(&in).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := serve("cpu", &in, &out); err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for d := json.NewDecoder(&out); d.More(); {
		var a answer
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	return answers
}

func TestServeAnswersWithTheResult(t *testing.T) {
	dir := t.TempDir()
	// Crossed pairs: the optimum is (0, .5), (2, 2.5) at a mean cost of .25.
	write(t, dir, map[string][]float64{"x": {0, 2}, "y": {2.5, .5}}, map[string][]int{"x": {2, 1}, "y": {2, 1}})
	a := ask(t,
		map[string]any{"do": "run"},
		map[string]any{"do": "prepare", "job": "exact", "dir": dir, "dtype": "f64"},
		map[string]any{"do": "run"},
		map[string]any{"do": "save"},
		map[string]any{"do": "prepare", "job": "certify", "dir": dir, "dtype": "f64"},
		map[string]any{"do": "run"},
		map[string]any{"do": "save"},
		map[string]any{"do": "prepare", "job": "fly"},
		map[string]any{"do": "prepare", "job": "exact", "dir": filepath.Join(dir, "none")},
	)
	for i, wrong := range map[int]string{0: "nothing is prepared", 7: `unknown job "fly"`, 8: "no such file"} {
		if !strings.Contains(a[i].Error, wrong) {
			t.Errorf("answer %d is %+v, want an error with %q", i, a[i], wrong)
		}
	}
	if a[2].Error != "" || a[2].Seconds <= 0 {
		t.Errorf("a run answers %+v, want its seconds", a[2])
	}
	if c := a[3].Values["cost"]; math.Abs(c-.25) > 1e-15 {
		t.Errorf("exact cost %v, want .25", c)
	}
	if c := a[6].Values["cost"]; math.Abs(c-(2.5*2.5+1.5*1.5)/2) > 1e-14 || a[6].Values["relative"] < 1 {
		t.Errorf("certificate %v, want the crossed pairing's cost 4.25 and a gap above 1", a[6].Values)
	}
}

func TestServeSavesArrays(t *testing.T) {
	dir := t.TempDir()
	// A Gaussian with the variances 4 and 1/4, turned by one reflection along (1, -1): the axes change places.
	write(t, dir, map[string][]float64{"mean": {1, -1}, "eigenvalues": {4, .25}, "reflections": {1, -1}, "x": {3, 3}},
		map[string][]int{"mean": {2}, "eigenvalues": {2}, "reflections": {1, 2}, "x": {1, 2}})
	a := ask(t,
		map[string]any{"do": "prepare", "job": "encode", "dir": dir, "dtype": "f64", "tol": 1e-8},
		map[string]any{"do": "run"},
		map[string]any{"do": "save"},
	)
	if a[2].Error != "" {
		t.Fatal(a[2].Error)
	}
	z, err := arrayio.ReadTensor(filepath.Join(dir, "monge_z.npy"), arrayio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{2 / .5, 4. / 2} { // (x - mean) over the standard deviations
		if math.Abs(z.Data[i]-want) > 1e-12 {
			t.Errorf("latent %v, want (4, 2)", z.Data)
			break
		}
	}
}

// TestScript runs the comparison in small on the workloads that need NumPy alone.
func TestScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	files, err := filepath.Glob("*.py")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts %v, %v", files, err)
	}
	for _, f := range files { // compiles in memory: nothing is written beside the sources
		if out, err := exec.Command(python, "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')", f).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", f, out)
		}
	}
	if exec.Command(python, "-c", "import numpy").Run() != nil {
		t.Skip("python3 has no numpy")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "monge-peers")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	run := exec.Command(python, "peers.py", "--size", "small", "--rounds", "1", "--monge", binary, "--work", dir, "--out", dir, "--only", "SinkhornDense", "CertifyLarge")
	run.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	table, err := os.ReadFile(filepath.Join(dir, "peers-cpu.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"**SinkhornDense**", "**CertifyLarge**", "| monge | ", "NumPy, bare products, float64 | "} {
		if !strings.Contains(string(table), want) {
			t.Errorf("the table has no %q:\n%s", want, table)
		}
	}
	if strings.Contains(string(table), "| failed |") || strings.Contains(string(table), "monge | absent") {
		t.Errorf("the table:\n%s", table)
	}
}
