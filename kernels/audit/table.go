package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"monge/kernels/roofline"
	"monge/kernels/sass"
)

// table returns the table of bounds, in Markdown.
func (rules *Rules) table(images []image) (string, error) {
	var b strings.Builder
	b.WriteString("| kernel | case | sm | registers | shared KB | blocks | tensor | FMA | ALU | FP64 | XU | LSU | slots |")
	devices := roofline.Devices()
	for _, d := range devices {
		fmt.Fprintf(&b, " %s |", d.Name)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", 13+len(devices)) + "\n")
	for _, row := range rules.Bound {
		for _, arch := range archs(images) {
			if !on(row.Arch, arch) || !compiled(images, row.Name, arch) {
				continue
			}
			var cards []roofline.Device
			for _, d := range devices {
				if fmt.Sprint(d.Arch) == strings.TrimRight(arch, "a") {
					cards = append(cards, d)
				}
			}
			if len(cards) == 0 {
				continue
			}
			text, err := row.line(images, arch, cards)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		}
	}
	return b.String(), nil
}

// compiled tells whether a kernel's family is compiled for an architecture; of no family are kernels that are not there.
func compiled(images []image, kernel, arch string) bool {
	family, known := "", false
	for _, im := range images {
		if slices.ContainsFunc(im.kernels, func(k sass.Kernel) bool { return k.Name == kernel }) {
			family, known = im.family, true
		}
	}
	return !known || slices.ContainsFunc(images, func(im image) bool { return im.family == family && im.arch == arch })
}

// archs returns the architectures of the images, in their order.
func archs(images []image) (list []string) {
	seen := make(map[string]bool)
	for _, im := range images {
		if !seen[im.arch] {
			seen[im.arch] = true
			list = append(list, im.arch)
		}
	}
	return list
}

func (row Bound) line(images []image, arch string, cards []roofline.Device) (string, error) {
	for _, im := range images {
		for _, k := range im.kernels {
			if im.arch != arch || k.Name != row.Name {
				continue
			}
			w, counts, err := row.work(k)
			if err != nil {
				return "", err
			}
			if beside := counts.Slots() - counts[sass.Tensor]; row.Slots > 0 && beside > row.Slots {
				return "", fmt.Errorf("audit: %s on sm_%s: %.2f issue slots a %s beside the tensor pipe's, want %g at most", k.Name, arch, beside, row.Unit, row.Slots)
			}
			r, threads := im.resources[k.Name], im.threads[k.Name]
			if threads == 0 {
				return "", fmt.Errorf("audit: %s has no launch bounds", k.Name)
			}
			shared := r.Shared + row.Shared
			var b strings.Builder
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %d |", k.Name, row.What, arch, r.Registers, number(float64(shared)/1024), cards[0].Blocks(r.Registers, threads, shared))
			for _, p := range []sass.Pipe{sass.Tensor, sass.FMA, sass.ALU, sass.FP64, sass.XU, sass.LSU} {
				fmt.Fprintf(&b, " %s |", number(counts[p]))
			}
			fmt.Fprintf(&b, " %s |", number(counts.Slots()))
			for _, d := range roofline.Devices() {
				cell := ""
				for _, c := range cards {
					if c.Name == d.Name {
						s, limit := d.Bound(w)
						cell = fmt.Sprintf("%s G%ss/s, %s", number(1e-9/s), row.Unit, limit)
					}
				}
				fmt.Fprintf(&b, " %s |", cell)
			}
			b.WriteString("\n")
			return b.String(), nil
		}
	}
	return "", fmt.Errorf("audit: a bound of %s, which is no kernel of sm_%s", row.Name, arch)
}

// work returns what a unit takes on the whole card, and the instructions of threads that it needs by pipe.
func (row Bound) work(k sass.Kernel) (w roofline.Work, counts sass.Counts, err error) {
	const warp = 32
	innermost := slices.DeleteFunc(k.Loops(), func(l *sass.Loop) bool { return len(l.Inner) > 0 })
	for _, share := range row.Loops {
		l := sass.Main(innermost, share.Mark)
		for i := 0; l != nil && i < share.Around; i++ {
			l = l.Outer
		}
		if l == nil {
			return w, counts, fmt.Errorf("audit: %s: no loop has %s, or none is around it", k.Name, share.Mark)
		}
		trip := l.Trip(cmp.Or(share.Count, share.Mark))
		trips := 1 / share.Units // of a warp, a unit
		if share.Marks > 0 {
			marks := 0
			for _, i := range trip {
				if i.Is(cmp.Or(share.Count, share.Mark)) {
					marks++
				}
			}
			if marks == 0 {
				return w, counts, fmt.Errorf("audit: %s: the loop at %#x has no %s", k.Name, l.Head, share.Count)
			}
			trips *= share.Marks / float64(marks)
		}
		w = w.Add(trips, roofline.Of(trip))
		for p, n := range sass.ByPipe(trip) {
			counts[p] += trips * n * warp
		}
	}
	w.Bytes = row.Bytes
	return w, counts, nil
}

// number writes x with two digits, and integers whole.
func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 99.5:
		return fmt.Sprintf("%.0f", x)
	}
	s := fmt.Sprintf("%.2g", x)
	return strings.Replace(s, "0.", ".", 1)
}

const (
	begin = "<!-- bounds: written by make roofline -->\n"
	end   = "<!-- end of bounds -->\n"
)

// place puts the table between its marks in the file, or compares it with what is there.
func place(file, table string, write bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("audit: %s has no place for the table: %q to %q", file, begin, end)
	}
	if string(old) == table {
		return nil
	}
	if !write {
		return fmt.Errorf("audit: the table of bounds in %s is not what the code gives: make roofline\n%s", file, table)
	}
	return os.WriteFile(file, bytes.Join([][]byte{before, []byte(begin), []byte(table), []byte(end), after}, nil), 0o644)
}
