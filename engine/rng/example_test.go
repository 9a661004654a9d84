package rng_test

import (
	"fmt"

	"monge/engine/rng"
)

// Number 1000 of a stream is the same whether it is drawn alone or with its neighbours.
func ExampleNormals() {
	part := make([]float64, 3)
	rng.Normals(part, 1, 0, 999)
	alone := make([]float64, 1)
	rng.Normals(alone, 1, 0, 1000)
	fmt.Println(part[1] == alone[0])
	// Output: true
}

func ExampleBlock() {
	fmt.Printf("%08x\n", rng.Block(0, 0, 0))
	// Output: [6627e8d5 e169c58d bc57ac4c 9b00dbd8]
}
