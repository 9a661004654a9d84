package engine

// Divider is an Engine whose processor can do the work of several engines side by side, which spares problems
// that do not depend on each other the waiting at the end of every operation.
type Divider interface {
	Engine
	// Parts returns the engines, one for each goroutine that works at a time. Each is used by one goroutine at a
	// time, and the engine itself by none meanwhile. Buffers of any of them serve all of them as operands; nothing
	// may write to one while another part reads it. They end with the engine, and results on them are its own to
	// the bit.
	Parts() []Engine
}
