package cpu_test

import (
	"fmt"
	"log"

	"monge/cpu"
	"monge/engine"
)

// The posterior mean of a point under two smoothed points is a softmax over them.
func ExampleEngine_Softmax() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	array := func(b, n, d int, x ...float64) engine.Buffer {
		buf, err := e.Alloc(engine.F64, b, n, d)
		if err != nil {
			log.Fatal(err)
		}
		if err := e.Write(buf, 0, x); err != nil {
			log.Fatal(err)
		}
		return buf
	}
	mean, lse := array(1, 2, 2), array(1, 2, 1)
	err := e.Softmax(&engine.Softmax{
		Q:     array(1, 2, 2, 0, 5, 1, 0),  // two queries
		K:     array(1, 2, 2, 1, 0, -1, 0), // two keys, which are the values too
		Scale: 0.5,
		Mean:  mean,
		LSE:   lse,
	})
	if err != nil {
		log.Fatal(err)
	}
	m, l := make([]float64, 4), make([]float64, 2)
	if err := e.Read(m, mean, 0); err != nil {
		log.Fatal(err)
	}
	if err := e.Read(l, lse, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n%.4f\n", m, l)
	// Output:
	// [0.0000 0.0000 0.4621 0.0000]
	// [0.6931 0.8133]
}
