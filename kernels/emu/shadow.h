// shadow.h: who used a word of shared memory last, to find races and reads of what nobody wrote.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <initializer_list>
#include <vector>

namespace emu {
// Stamp is an access, or several of one kind: the lanes of one warp between two barriers of the block. Warps other
// than that one are told by several.
struct Stamp {
	uint32_t phase; // barriers of the block before it
	uint32_t time;  // the latest of the lanes' times in the warp
	uint32_t lanes; // 0 = none
	uint16_t warp;
	bool several, atomic;
};

// Cell is the history of a word, or of a byte of one that is not only used whole.
struct Cell {
	uint32_t block; // serial number of the block that it is about; another's means untouched
	bool split;     // the bytes' cells hold, not this one
	Stamp write, read;
};

struct Shadow {
	uint32_t block = 0;
	std::vector<Cell> words, bytes;
	std::vector<uint32_t> coming; // for every 4 bytes: 1 + the thread whose cp.async is on its way there
	std::vector<uint16_t> reading; // for every 4 bytes: warps' products on their way that read them
	std::vector<uint32_t> wrote;   // and the block's count of proxy fences when they were written last
	void reserve(size_t size) { words.resize(size / 4), bytes.resize(size), coming.resize(size / 4), reading.resize(size / 4), wrote.resize(size / 4); }
	// forget starts the serial numbers again.
	void forget() {
		for (auto *cells : {&words, &bytes})
			for (Cell &c : *cells) c = {};
		block = 1;
	}
};
} // namespace emu
