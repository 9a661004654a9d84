package flow_test

import (
	"context"
	"fmt"
	"log"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
)

// Encode two points of a mixture, with the encoder's Jacobian and the density of the data.
func ExampleEncode() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := engine.Points([]float64{.5, -.3, 1, .8}, 2, 2)
	r, err := flow.Encode(context.Background(), e, engine.F64, dist.G1(), x, &flow.Settings{Jacobian: true, LogP: true})
	if err != nil {
		log.Fatal(err)
	}
	z := r.X.Data().([]float64)
	asym := flow.Asymmetry(r.Jacobian)
	for i := range 2 {
		fmt.Printf("E(x) = (%.5f, %.5f)  ln p = %.5f  asymmetry %.5f\n", z[2*i], z[2*i+1], r.LogP[i], asym[i])
	}
	// Output:
	// E(x) = (0.02893, -0.08791)  ln p = -3.02149  asymmetry 0.04956
	// E(x) = (0.20477, 1.41153)  ln p = -5.57458  asymmetry 0.44295
}

// Decode is the inverse of Encode.
func ExampleDecode() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	z := engine.Points([]float64{.028929882107, -.087912462127}, 1, 2)
	r, err := flow.Decode(context.Background(), e, engine.F64, dist.G1(), z, nil)
	if err != nil {
		log.Fatal(err)
	}
	x := r.X.Data().([]float64)
	fmt.Printf("(%.5f, %.5f)\n", x[0], x[1])
	// Output:
	// (0.50000, -0.30000)
}
