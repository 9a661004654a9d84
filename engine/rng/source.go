package rng

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

var (
	_ rand.Source                = (*Source)(nil)
	_ encoding.BinaryMarshaler   = (*Source)(nil)
	_ encoding.BinaryUnmarshaler = (*Source)(nil)
)

// Source draws the words of one stream one after another. The zero value is the start of stream 0 of
// seed 0. It is a [rand.Source]; its own methods are here because their results are part of the
// project's reproducibility and must not change with the Go release.
//
// Every draw takes the next words: Uint64 and Float64 one, Normal two for two numbers. A new source
// gives with Float64 alone the numbers of [Uniforms], and with Normal alone those of [Normals].
type Source struct {
	seed, stream uint64
	next         uint64 // number of the next word
	words        [2]uint64
	spare        float64 // second number of the last Box-Muller pair
	hasSpare     bool
}

// NewSource returns the source at the start of (seed, stream).
func NewSource(seed, stream uint64) *Source {
	return &Source{seed: seed, stream: stream}
}

// Uint64 returns the next word.
func (s *Source) Uint64() uint64 {
	if s.next%2 == 0 {
		s.words = Words(s.seed, s.stream, s.next/2)
	}
	w := s.words[s.next%2]
	s.next++
	return w
}

// Float64 returns a uniform number in (0, 1); see [Uniform].
func (s *Source) Float64() float64 { return Uniform(s.Uint64()) }

// Normal returns a standard normal number.
func (s *Source) Normal() float64 {
	if s.hasSpare {
		s.hasSpare = false
		return s.spare
	}
	w0 := s.Uint64()
	z, spare := boxMuller(w0, s.Uint64())
	s.spare, s.hasSpare = spare, true
	return z
}

// Intn returns a number of 0 .. n-1, each with exactly the same probability. It panics where n <= 0.
// Source: Lemire, Fast random integer generation in an interval, ACM TOMACS 29 (2019),
// doi:10.1145/3230636.
func (s *Source) Intn(n int) int {
	if n <= 0 {
		panic("rng: Intn of a count that is not positive")
	}
	m := uint64(n)
	hi, lo := bits.Mul64(s.Uint64(), m)
	if lo < m {
		for low := -m % m; lo < low; {
			hi, lo = bits.Mul64(s.Uint64(), m)
		}
	}
	return int(hi)
}

// Perm returns a permutation of 0 .. n-1, each with the same probability (Fisher-Yates). It panics
// where n < 0.
func (s *Source) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := s.Intn(i + 1)
		p[i], p[j] = p[j], i
	}
	return p
}

// sourceSize is the count of bytes of a source: three words, whether a number is spare, and the number.
const sourceSize = 3*8 + 1 + 8

// MarshalBinary implements [encoding.BinaryMarshaler]: a source that is read back goes on where this one is.
func (s *Source) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, sourceSize)
	for _, v := range []uint64{s.seed, s.stream, s.next} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	spare := byte(0)
	if s.hasSpare {
		spare = 1
	}
	return binary.LittleEndian.AppendUint64(append(b, spare), math.Float64bits(s.spare)), nil
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler].
func (s *Source) UnmarshalBinary(b []byte) error {
	if len(b) != sourceSize || b[24] > 1 {
		return fmt.Errorf("rng: a source of %d bytes: want %d", len(b), sourceSize)
	}
	word := binary.LittleEndian.Uint64
	*s = Source{seed: word(b), stream: word(b[8:]), next: word(b[16:]), hasSpare: b[24] == 1, spare: math.Float64frombits(word(b[25:]))}
	if s.next%2 == 1 {
		s.words = Words(s.seed, s.stream, s.next/2)
	}
	return nil
}
