package arrayio_test

import (
	"fmt"
	"os"
	"path/filepath"

	"monge/engine/arrayio"
)

func ExampleReadPoints() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x.csv")
	if err := os.WriteFile(path, []byte("x,y,label\n1,2,a\n3,4,b\n"), 0o666); err != nil {
		panic(err)
	}
	a, err := arrayio.ReadPoints(path, arrayio.Options{Columns: []string{"x", "y"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(a.Shape, a.Data)
	// Output: [2 2] [1 2 3 4]
}

func ExampleOutputs() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "z.csv")
	var out arrayio.Outputs
	defer out.Abort()
	if err := out.Declare(path, 2); err != nil { // before the work
		panic(err)
	}
	if err := out.Write(path, []int{2, 2}, []float64{1, 0.1, 1e-300, 4}); err != nil {
		panic(err)
	}
	if err := out.Commit(); err != nil {
		panic(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(text))
	// Output:
	// 1,0.1
	// 1e-300,4
}
