package main

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReportInBrowser opens the page of a sweep in headless Chromium, without a network, at the widths of a phone and of a
// desk: nothing is said on the console, nothing is fetched, and the figures' curves are there to see.
func TestReportInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	if testing.Short() {
		t.Skip("starts a browser for some seconds")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s.toml"), []byte("command = \"compare\"\n[set]\nn = 20\njacobian-points = 2\ndist = \"G1\"\n[grid]\nseed = [1, 2, 3]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"sweep", "run", "s.toml", "-o", "s"}, {"report", "s"}} {
		if out, err := program(t, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, width := range []string{"390", "1280"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		shot := filepath.Join(dir, width+".png")
		c := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--hide-scrollbars", "--user-data-dir="+filepath.Join(dir, "profile"+width), "--host-resolver-rules=MAP * ~NOTFOUND",
			"--enable-logging=stderr", "--window-size="+width+",900", "--screenshot="+shot, "file://"+filepath.Join(dir, "s", "report.html"))
		var stderr bytes.Buffer
		c.Stderr = &stderr
		if err := c.Run(); err != nil {
			t.Fatalf("chromium: %v: %s", err, stderr.String())
		}
		for line := range strings.Lines(stderr.String()) {
			if strings.Contains(line, "CONSOLE") || strings.Contains(line, "ERR_") {
				t.Errorf("width %s: %s", width, line)
			}
		}
		f, err := os.Open(shot)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		picture, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		// The curves are blue; text and frames are grey.
		blue, bounds := 0, picture.Bounds()
		for y := range bounds.Dy() {
			for x := range bounds.Dx() {
				if r, g, b, _ := picture.At(x, y).RGBA(); b > r+0x4000 && b > g+0x1000 {
					blue++
				}
			}
		}
		if blue < 300 {
			t.Errorf("width %s: %d blue pixels: no curve is to be seen", width, blue)
		}
	}
}
