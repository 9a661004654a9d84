package auto_test

import (
	"fmt"

	"monge/engine/auto"
)

func ExampleOpen() {
	e, notice, err := auto.Open("cpu", auto.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	fmt.Println(e.Info().Name, notice == "")
	// Output: cpu true
}
