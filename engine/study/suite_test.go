package study_test

import (
	"context"
	"testing"

	"monge/cpu"
	"monge/engine/study"
)

// TestSuite runs cheap cases whole; the others run by name, monge suite --quick.
func TestSuite(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	// Quadrature, exact transport many times; training, which package bound tests.
	costly := map[string]bool{"E08": true, "E09": true, "E10": true, "E12": true, "E14": true, "B04": true}
	for _, c := range study.Cases() {
		if costly[c.ID] || testing.Short() && c.ID != "E06" && c.ID != "E17" && c.ID != "E20" {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			r, err := c.Run(context.Background(), e, study.SuiteSettings{Quick: true, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range r.Rows {
				if !row.Pass {
					t.Errorf("%s: expected %.10g, measured %.10g, tolerance %.2g: %s", row.Name, row.Expected, row.Measured, row.Tolerance, row.Note)
				}
			}
			if r.Status == study.Fail {
				t.Error(r.Reason)
			}
		})
	}
}
