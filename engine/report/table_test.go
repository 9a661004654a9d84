package report

import "fmt"

func ExampleTable() {
	t := Table{Columns: []Column{{Head: "what"}, {Head: "value", Align: Right}, {Head: "meaning"}}}
	t.Section("transport")
	t.Add("cost", "2.4181", "mean |x − z|²")
	t.Add("relative gap", "0.0078")
	fmt.Print(t.String())
	// Output:
	// what           value  meaning
	// transport
	// cost          2.4181  mean |x − z|²
	// relative gap  0.0078
}
