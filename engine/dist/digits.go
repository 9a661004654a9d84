package dist

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the digits
	"encoding/csv"
	"strconv"

	"monge/engine"

	"gorgonia.org/tensor"
)

//go:embed data/digits.csv.gz
var digits []byte

// DigitsBandwidth is the default bandwidth of the digits: 0.3 of the median distance of a digit to its nearest
// neighbour, 2.0156.
const DigitsBandwidth = 0.605

// Digits returns the embedded handwritten digits [1797, 64], pixels scaled to v/8 - 1 in [-1, 1], without their
// labels. Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, test set, UCI, 1998,
// CC BY 4.0.
func Digits() *tensor.Dense {
	const pixels = 64
	z, err := gzip.NewReader(bytes.NewReader(digits))
	if err != nil {
		panic(err) // the file is part of the program
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		panic(err)
	}
	x := make([]float64, 0, len(rows)*pixels)
	for _, row := range rows {
		for _, cell := range row[:pixels] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				panic(err)
			}
			x = append(x, v/8-1)
		}
	}
	return engine.Points(x, len(rows), pixels)
}
