//go:build !amd64

package tile

func levels() []Level { return []Level{Plain} }

// What follows is called for whole blocks, and never at Plain.

const never = "tile: no assembly for this processor"

func (l Level) expBlocks(_, _ []float64, _ float64) float64            { panic(never) }
func (l Level) exp32Blocks(_, _ []float64, _ float64) float64          { panic(never) }
func (l Level) maxBlocks(_ []float64, _ float64) float64               { panic(never) }
func (l Level) logBlocks(_, _ []float64)                               { panic(never) }
func (l Level) addScaledBlocks(_, _ []float64, _ float64)              { panic(never) }
func (l Level) dotBlocks(_, _ []float64) float64                       { panic(never) }
func (l Level) narrowBlocks(_ []float32, _ []float64)                  { panic(never) }
func (l Level) affine64Blocks(_, _, _ []float64, _, _ float64) float64 { panic(never) }
func (l Level) affine32Blocks(_ []float64, _ []float32, _ []float64, _, _ float64) float64 {
	panic(never)
}
func (l Level) weighted64Blocks(_, _ []float64) float64           { panic(never) }
func (l Level) weighted32Blocks(_ []float32, _ []float64) float64 { panic(never) }
func (l Level) directBlocks(_, _ []float64, _ int, _ *[4]float64, _ []float64, _, _ float64) float64 {
	panic(never)
}

func (l Level) variancesBlocks(_, _ []float64, _, _ float64, _ *[4]float64) { panic(never) }
func (l Level) ratiosBlocks(_, _, _ []float64, _, _ float64)                { panic(never) }

func (l Level) centre64Blocks(_, _, _ []float64, _ float64)                  { panic(never) }
func (l Level) scale64Blocks(_, _ []float64, _ []float64, _ float64)         { panic(never) }
func (l Level) rescale64Blocks(_, _ []float64, _, _ []float64, _, _ float64) { panic(never) }
func (l Level) centre32Blocks(_, _, _ []float32, _ float64)                  { panic(never) }
func (l Level) scale32Blocks(_, _ []float32, _ []float64, _ float64)         { panic(never) }
func (l Level) rescale32Blocks(_, _ []float32, _, _ []float64, _, _ float64) { panic(never) }

func (l Level) less64Blocks(_, _, _ []float64)                                     { panic(never) }
func (l Level) less32Blocks(_, _ []float32, _ []float64)                           { panic(never) }
func (l Level) combine64Blocks(_ []float64, _ *float64, _ *int, _ *float64, _ int) { panic(never) }
func (l Level) combine32Blocks(_ []float64, _ *float32, _ *int, _ *float64, _ int) { panic(never) }
func (l Level) errors64Blocks(_, _ []float64, _, _ float64) float64                { panic(never) }
func (l Level) errors32Blocks(_ []float64, _ []float32, _, _ float64) float64      { panic(never) }

func transpose64(_ *float64, _ int, _ *float64, _, _ int) { panic(never) }
func transpose32(_ *float32, _ int, _ *float32, _, _ int) { panic(never) }

func (l Level) sinkhorn64(_ bool) *Sinkhorn[float64] { panic(never) }
func (l Level) sinkhorn32(_ bool) *Sinkhorn[float32] { panic(never) }

func (l Level) product64(_, _ int, _ *float64, _ int, _ *float64, _ int, _ *float64, _, _ int, _ bool) {
	panic(never)
}

func (l Level) product32(_, _ int, _ *float32, _ int, _ *float32, _ int, _ *float32, _, _ int, _ bool) {
	panic(never)
}
