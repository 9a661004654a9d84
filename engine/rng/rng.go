// Package rng is the counter-based generator Philox4x32-10: the same (seed, stream, index) gives the same
// 32-bit integers on every engine.
package rng
