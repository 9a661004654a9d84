// Command audit holds the compiled kernels to what audit.toml demands of their machine code, and tells what
// the code allows at best on cards of known rates.
//
//	audit [-rules FILE] [-readme FILE [-write]] TOOLKIT BUILD
//
// TOOLKIT is the folder with bin/cuobjdump, BUILD has NAME.SM.cubin, .log and .ptx of kernels/build.sh. With
// -readme the table of bounds in that file must be what the code gives; -write puts it there.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"monge/kernels/sass"

	"golang.org/x/sync/errgroup"
)

func main() {
	rules := flag.String("rules", "kernels/audit.toml", "what is demanded")
	readme := flag.String("readme", "", "file with the table of bounds")
	write := flag.Bool("write", false, "write the table instead of comparing it")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: audit [flags] TOOLKIT BUILD")
		os.Exit(2)
	}
	if err := run(*rules, *readme, *write, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rulesFile, readme string, write bool, toolkit, build string) error {
	f, err := os.Open(rulesFile)
	if err != nil {
		return err
	}
	defer f.Close()
	rules, err := load(f)
	if err != nil {
		return err
	}
	images, err := read(toolkit, build)
	if err != nil {
		return err
	}
	kernels := 0
	for _, im := range images {
		kernels += len(im.kernels)
	}
	if wrong := rules.check(images); len(wrong) > 0 {
		return errors.New("audit: " + strings.Join(wrong, "\naudit: "))
	}
	fmt.Printf("audit: %d kernels in %d images are as demanded\n", kernels, len(images))
	if readme == "" {
		return nil
	}
	table, err := rules.table(images)
	if err != nil {
		return err
	}
	return place(readme, table, write)
}

// read disassembles the cubins of a build.
func read(toolkit, build string) ([]image, error) {
	cubins, err := filepath.Glob(filepath.Join(build, "*.cubin"))
	if err != nil {
		return nil, err
	}
	if len(cubins) == 0 {
		return nil, fmt.Errorf("audit: no cubins in %s: make kernels", build)
	}
	bin, err := filepath.Abs(filepath.Join(toolkit, "bin"))
	if err != nil {
		return nil, err
	}
	images := make([]image, len(cubins))
	var g errgroup.Group
	g.SetLimit(4)
	for i, cubin := range cubins {
		g.Go(func() error {
			im, err := disassemble(bin, cubin)
			images[i] = im
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return images, nil
}

var cubinName = regexp.MustCompile(`^(\w+)\.(\d+[a-z]?)\.cubin$`)

func disassemble(bin, cubin string) (im image, err error) {
	m := cubinName.FindStringSubmatch(filepath.Base(cubin))
	if m == nil {
		return im, fmt.Errorf("audit: %s: want NAME.SM.cubin", cubin)
	}
	im = image{family: m[1], arch: m[2]}
	c := exec.Command(filepath.Join(bin, "cuobjdump"), "--dump-sass", cubin)
	c.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH")) // cuobjdump looks for nvdisasm there
	var out, complaint bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaint
	if err := c.Run(); err != nil {
		return im, fmt.Errorf("audit: %s: %w: %s", cubin, err, &complaint)
	}
	if im.kernels, err = sass.Parse(&out); err != nil {
		return im, fmt.Errorf("audit: %s: %w", cubin, err)
	}
	if len(im.kernels) == 0 {
		return im, fmt.Errorf("audit: %s has no kernels", cubin)
	}
	base := strings.TrimSuffix(cubin, ".cubin")
	log, err := os.ReadFile(base + ".log")
	if err != nil {
		return im, fmt.Errorf("audit: %w", err)
	}
	if im.resources, err = sass.ParseLog(bytes.NewReader(log)); err != nil {
		return im, fmt.Errorf("audit: %s.log: %w", base, err)
	}
	ptx, err := os.ReadFile(base + ".ptx")
	if err != nil {
		return im, fmt.Errorf("audit: %w", err)
	}
	im.threads = threads(string(ptx))
	slices.SortFunc(im.kernels, func(a, b sass.Kernel) int { return strings.Compare(a.Name, b.Name) })
	return im, nil
}

var (
	ptxEntry = regexp.MustCompile(`\.entry (\w+)\(`)
	maxntid  = regexp.MustCompile(`\.maxntid (\d+)`)
)

// threads reads the launch bounds of kernels in PTX.
func threads(ptx string) map[string]int {
	all := make(map[string]int)
	name := ""
	for text := range strings.Lines(ptx) {
		if m := ptxEntry.FindStringSubmatch(text); m != nil {
			name = m[1]
		}
		if m := maxntid.FindStringSubmatch(text); m != nil && name != "" {
			all[name], _ = strconv.Atoi(m[1]) // digits
		}
	}
	return all
}
