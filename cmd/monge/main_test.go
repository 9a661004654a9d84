package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"monge/engine/arrayio"
	"monge/gpu"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"monge": main})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code":      codeCommand,
			"interrupt": interruptCommand,
			"json":      jsonCommand,
			"agree":     agreeCommand,
			"array":     arrayCommand,
			"same":      sameCommand,
			"truncate":  truncateCommand,
			"header":    headerCommand,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "emu", "cuda": // the device that the build has
				return gpu.Kind == name, nil
			case "device": // one that can be used
				devices, err := gpu.Devices()
				return err == nil && slices.ContainsFunc(devices, func(d gpu.Device) bool { return d.Reason == "" }), nil
			case "full":
				_, err := os.Stat("/dev/full")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// codeCommand is "code N command args...": the command ends with exit code N. With 1 and 2 it prints nothing
// on stdout and one line on stderr that begins with the program's name.
func codeCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if want == codeFailed || want == codeUsage {
		if out := ts.ReadFile("stdout"); out != "" {
			ts.Fatalf("stdout of a failure: %q", out)
		}
		text := ts.ReadFile("stderr")
		if !strings.HasPrefix(text, "monge: ") || strings.Count(text, "\n") != 1 {
			ts.Fatalf("stderr is not one line of monge: %q", text)
		}
	}
}

// interruptCommand is "interrupt DELAY command args...": the command is sent SIGINT after the delay, and ends
// with 130 within a second, one line on stderr and no temporary file left.
func interruptCommand(ts *testscript.TestScript, _ bool, args []string) {
	delay, err := time.ParseDuration(args[0])
	ts.Check(err)
	var stdout, stderr bytes.Buffer
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, args[1]); path == "" {
			if _, err := os.Stat(p); err == nil {
				path = p
			}
		}
	}
	c := exec.Command(path, args[2:]...)
	c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), &stdout, &stderr
	ts.Check(c.Start())
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		ts.Fatalf("ended before the interrupt: %v: %s", err, stderr.String())
	case <-time.After(delay):
	}
	sent := time.Now()
	ts.Check(c.Process.Signal(syscall.SIGINT))
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		ts.Check(c.Process.Kill())
		ts.Fatalf("no end 20 s after the interrupt")
	}
	if took := time.Since(sent); took > time.Second {
		ts.Fatalf("took %v to end", took)
	}
	if code := c.ProcessState.ExitCode(); code != codeInterrupted {
		ts.Fatalf("exit code %d, want %d: %s", code, codeInterrupted, stderr.String())
	}
	if text := stderr.String(); !strings.Contains(text, "interrupted") || strings.Count(text, "\n") != 1 || stdout.Len() > 0 {
		ts.Fatalf("stderr %q, stdout %q", text, stdout.String())
	}
	temps, err := filepath.Glob(filepath.Join(c.Dir, ".monge-*"))
	ts.Check(err)
	if len(temps) > 0 {
		ts.Fatalf("left %v", temps)
	}
}

// valueAt returns the value at a path of a JSON file: names and indices with dots, "." the whole.
func valueAt(ts *testscript.TestScript, file, path string) string {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	var raw json.RawMessage
	ts.Check(dec.Decode(&raw))
	if dec.More() {
		ts.Fatalf("%s holds more than one JSON value", file)
	}
	for _, key := range strings.Split(path, ".") {
		if key == "" {
			continue
		}
		if i, err := strconv.Atoi(key); err == nil {
			var list []json.RawMessage
			ts.Check(json.Unmarshal(raw, &list))
			raw = list[i]
			continue
		}
		var object map[string]json.RawMessage
		ts.Check(json.Unmarshal(raw, &object))
		v, ok := object[key]
		if !ok {
			ts.Fatalf("%s: no %q in %s", path, key, raw)
		}
		raw = v
	}
	return string(raw)
}

// agreeCommand is "agree FILE1 FILE2 TOLERANCE PATH...": the numbers at the paths of two JSON files are equal to
// the tolerance, relative to the larger; what is no number is equal as it is written.
func agreeCommand(ts *testscript.TestScript, _ bool, args []string) {
	tol, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	for _, path := range args[3:] {
		a, b := valueAt(ts, args[0], path), valueAt(ts, args[1], path)
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX != nil || errY != nil {
			if a != b {
				ts.Fatalf("%s is %s and %s", path, a, b)
			}
		} else if !(math.Abs(x-y) <= tol*max(math.Abs(x), math.Abs(y))) {
			ts.Fatalf("%s is %s and %s, want a relative difference of at most %g", path, a, b, tol)
		}
	}
}

// jsonCommand checks one value of a JSON file (or of stdout): "json FILE PATH number VALUE TOLERANCE",
// "json FILE PATH range LOW HIGH", "json FILE PATH is TEXT" (strings, null, true), or "json FILE PATH keys K...":
// the object's keys in their order. A path is as valueAt reads it.
func jsonCommand(ts *testscript.TestScript, _ bool, args []string) {
	got := valueAt(ts, args[0], args[1])
	numbers := func(texts ...string) (v []float64) {
		for _, t := range texts {
			f, err := strconv.ParseFloat(t, 64)
			ts.Check(err)
			v = append(v, f)
		}
		return v
	}
	switch kind := args[2]; kind {
	case "is":
		if s, err := strconv.Unquote(got); err == nil {
			got = s
		}
		if got != args[3] {
			ts.Fatalf("%s is %s, want %s", args[1], got, args[3])
		}
	case "number":
		if v := numbers(got, args[3], args[4]); !(math.Abs(v[0]-v[1]) <= v[2]) {
			ts.Fatalf("%s is %s, want %s within %s", args[1], got, args[3], args[4])
		}
	case "range":
		if v := numbers(got, args[3], args[4]); !(v[0] >= v[1] && v[0] <= v[2]) {
			ts.Fatalf("%s is %s, want %s to %s", args[1], got, args[3], args[4])
		}
	case "keys":
		var keys []string
		d := json.NewDecoder(strings.NewReader(got))
		_, err := d.Token()
		ts.Check(err)
		for d.More() {
			k, err := d.Token()
			ts.Check(err)
			keys = append(keys, k.(string))
			var skip json.RawMessage
			ts.Check(d.Decode(&skip))
		}
		if !slices.Equal(keys, args[3:]) {
			ts.Fatalf("%s has keys %v, want %v", args[1], keys, args[3:])
		}
	default:
		ts.Fatalf("json: unknown check %q", kind)
	}
}

// shapeOf reads a shape as 4x2.
func shapeOf(ts *testscript.TestScript, text string) (shape []int) {
	for _, s := range strings.Split(text, "x") {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		shape = append(shape, n)
	}
	return shape
}

// arrayCommand is "array FILE SHAPE VALUES..." and writes an array; nan and inf are values. With fewer values
// than the shape has they are repeated.
func arrayCommand(ts *testscript.TestScript, _ bool, args []string) {
	shape := shapeOf(ts, args[1])
	total := 1
	for _, n := range shape {
		total *= n
	}
	data := make([]float64, total)
	for i := range data {
		v, err := strconv.ParseFloat(args[2+i%(len(args)-2)], 64)
		ts.Check(err)
		data[i] = v
	}
	var o arrayio.Outputs
	path := ts.MkAbs(args[0])
	ts.Check(o.Declare(path, len(shape)))
	ts.Check(o.Write(path, shape, data))
	ts.Check(o.Commit())
}

// sameCommand is "same FILE SHAPE TOLERANCE VALUES...", or a second file in place of values.
func sameCommand(ts *testscript.TestScript, _ bool, args []string) {
	got, err := arrayio.ReadTensor(ts.MkAbs(args[0]), arrayio.Options{})
	ts.Check(err)
	if shape := shapeOf(ts, args[1]); !slices.Equal(got.Shape, shape) {
		ts.Fatalf("%s has shape %v, want %v", args[0], got.Shape, shape)
	}
	tol, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	var want []float64
	if _, err := strconv.ParseFloat(args[3], 64); err != nil {
		other, err := arrayio.ReadTensor(ts.MkAbs(args[3]), arrayio.Options{})
		ts.Check(err)
		want = other.Data
	} else {
		for _, a := range args[3:] {
			v, err := strconv.ParseFloat(a, 64)
			ts.Check(err)
			want = append(want, v)
		}
	}
	if len(want) != len(got.Data) {
		ts.Fatalf("%d numbers, want %d", len(got.Data), len(want))
	}
	for i, v := range got.Data {
		if !(math.Abs(v-want[i]) <= tol) {
			ts.Fatalf("%s: number %d is %v, want %v within %v", args[0], i, v, want[i], tol)
		}
	}
}

// truncateCommand is "truncate FILE BYTES": it cuts bytes off the end.
func truncateCommand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	cut, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-cut))
}

// headerCommand is "header FILE TEXT": a .npy file of version 1 with this header and 16 bytes of data.
func headerCommand(ts *testscript.TestScript, _ bool, args []string) {
	file := append([]byte("\x93NUMPY\x01\x00"), byte(len(args[1])+1), 0)
	file = append(file, args[1]+"\n"...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(file, make([]byte, 16)...), 0o666))
}
