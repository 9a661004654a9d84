// Command growth measures how the time of SinkhornDense, CertifyLarge and FlowEmpirical grows with the points, the
// dimensions and the problems or queries, and fits the orders:
//
//	go run ./bench/growth -o build/growth
//
// writes build/growth.md and build/growth.png.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"monge/engine/auto"
	"monge/engine/report"
	"monge/engine/study"
)

func main() {
	out := flag.String("o", "build/growth", "the outputs without their endings .md and .png")
	name := flag.String("engine", "cpu", "the engine: cpu, cuda, ...")
	longest := flag.Duration("longest", 8*time.Second, "a curve ends where a run takes longer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *name, *out, *longest); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, out string, longest time.Duration) error {
	e, _, err := auto.Open(name, auto.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	began := time.Now()
	curves := workloads()
	for i := range curves {
		fmt.Fprintln(os.Stderr, curves[i].title())
		if err := curves[i].measure(ctx, e, longest); err != nil {
			return fmt.Errorf("%s: %w", curves[i].title(), err)
		}
	}
	info := e.Info()
	title := fmt.Sprintf("Time and its growth: %s, %d threads, %s, %s", info.Device, info.Threads, runtime.Version(), began.Format(time.DateOnly))
	var page bytes.Buffer
	if err := report.Figures(&page, title, figures(curves)); err != nil {
		return err
	}
	var text bytes.Buffer
	table(&text, title, curves)
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	for path, b := range map[string][]byte{out + ".png": page.Bytes(), out + ".md": text.Bytes()} {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			return err
		}
	}
	fmt.Println(text.String())
	return nil
}

// figures is a figure for each workload and axis, of a curve for each type.
func figures(curves []curve) []study.Figure {
	var page []study.Figure
	at := map[string]int{}
	for _, c := range curves {
		key := c.workload + c.axis
		i, ok := at[key]
		if !ok {
			i = len(page)
			at[key] = i
			page = append(page, study.Figure{Title: c.workload + ", " + c.fixed, X: c.axis, Y: "seconds", LogX: true, LogY: true})
		}
		k := c.order()
		page[i].Curves = append(page[i].Curves, study.Curve{Name: fmt.Sprintf("%v, order %.2f", c.t, k), X: c.at, Y: c.seconds})
	}
	return page
}

// table writes the least times and the orders as markdown.
func table(w io.Writer, title string, curves []curve) {
	fmt.Fprintf(w, "%s. Least of %d runs; the order is fitted to the upper half of the sizes.\n\n", title, repeats)
	fmt.Fprintln(w, "| workload | type | against | seconds | order | of the operations |\n| --- | --- | --- | --- | --- | --- |")
	for _, c := range curves {
		var cells bytes.Buffer
		for i, x := range c.at {
			if i > 0 {
				cells.WriteString(", ")
			}
			fmt.Fprintf(&cells, "%g: %.3g", x, c.seconds[i])
		}
		fmt.Fprintf(w, "| %s, %s | %v | %s | %s | %.2f | %s |\n", c.workload, c.fixed, c.t, c.axis, cells.String(), c.order(), c.expected)
	}
}
