// softmax.cuh: what the ways to a softmax share: the logits of a row, parts of the keys, and a row's results.
#pragma once
#include "online_softmax.cuh"
#include "tile.cuh"

// Part is a block's share of a fused pass: the rows of problem b from i on, and the keys [j, end) of one part.
struct Part {
	int64_t b, i, j, end;
	int64_t slot; // of the first row's partial results; the other rows' follow at a distance of stride
	int64_t stride;
	int rows;
};

// part_of returns the share of this block with tiles of so many rows.
DEV Part part_of(const softmax_params &p, int tile) {
	const int64_t down = ceil_div(p.rows, tile), parts = key_parts(p.m), keys = part_keys(p.m);
	const int64_t i = block_id() % down * tile, part = block_id() / down % parts, b = block_id() / down / parts;
	Part at;
	at.b = p.b0 + b;
	at.i = p.i0 + i;
	at.rows = tile_part(p.rows - i);
	at.j = part * keys;
	at.end = at.j + keys < p.m ? at.j + keys : p.m;
	at.slot = (b * p.rows + i) * parts + part;
	at.stride = parts;
	return at;
}

// ended tells whether nobody wants the results of problem b.
DEV bool ended(const softmax_params &p, int64_t b) { return p.ended && global<const int32_t>(p.ended)[2 * b + 1]; }

template <class T> DEV T row_scale(const softmax_params &p, int64_t row, T shared) { return p.s ? global<const T>(p.s)[row] : shared; }

// Mask changes logits to -inf where the key is past the end or left out by the row. The thread has the keys
// j0 + TILE_ACROSS c.
struct Mask {
	int64_t j0;
	int keys; // from j0 on

	DEV Mask(int64_t j0, int64_t end) : j0(j0), keys(tile_part(end - j0)) {}

	// row changes the logits of one row; where it is not there, it leaves no key out.
	template <class T, int C> DEV void row(const softmax_params &p, int64_t row, bool there, T (&z)[C]) const {
		if (p.skip && there) {
			const int64_t skip = global<const int32_t>(p.skip)[row] - j0;
#pragma unroll
			for (int c = 0; c < C; c++)
				if (skip == TILE_ACROSS * c) z[c] = (T)minus_infinity();
		}
		if (keys <= TILE_ACROSS * (C - 1)) {
#pragma unroll
			for (int c = 0; c < C; c++)
				if (TILE_ACROSS * c >= keys) z[c] = (T)minus_infinity();
		}
	}
};

// row_factor returns c_i. Where it is 0 there is no rank-one bias, whatever w_j is.
template <class T> DEV T row_factor(const softmax_params &p, int64_t row) { return p.c ? global<const T>(p.c)[row] : 0; }

// Logits makes z_ij for a tile of rows and one tile of keys after another.
template <class T, int R> struct Logits {
	using Tiles = Tile<T, R, TILE_C, true>;
	Tiles tiles;
	Product<T> g;
	int64_t b, first, end; // the problem, the first row in all problems, and where the keys end
	int rows;
	T scale; // where rows have none

	// start begins with rows from i on of problem b and the keys [j, end).
	DEV void start(const softmax_params &p, int64_t problem, int64_t i, int count, int64_t j, int64_t keys_end, Vec<T> *shared) {
		b = problem;
		first = b * p.n + i;
		rows = count;
		scale = (T)p.scale;
		end = keys_end;
		g.x = global<const T>(p.q) + first * p.d;
		g.y = global<const T>(p.k) + b * p.kstride + j * p.d;
		g.xstride = g.ystride = g.depth = p.d;
		g.rows = rows;
		g.cols = tile_part(end - j);
		g.xvec = aligned(g.x, p.d);
		g.yvec = aligned(g.y, p.d);
		if (j < end) tiles.start(shared, g);
	}

	// tile calls use(r, i, z) for each of the thread's rows: z[c] is of row i of the tile and key j + tile_col() +
	// TILE_ACROSS c. The tiles come in turn from j = start's on.
	template <class F> DEV void tile(const softmax_params &p, int64_t j, F use) {
		const Mask mask(j + tile_col(), end);
		T u[TILE_C], w[TILE_C]; // u is on its way while the tile is multiplied
		Global<const T> us = global<const T>(p.u) + (p.u ? b * p.ustride + mask.j0 : 0);
#pragma unroll
		for (int c = 0; c < TILE_C; c++) u[c] = p.u && TILE_ACROSS * c < mask.keys ? us[TILE_ACROSS * c] : 0;
		Sums<T, R, TILE_C> products;
		tiles.multiply(g, TILE_COLS * p.d, tile_part(end - j - TILE_COLS), products);
		Global<const T> ws = global<const T>(p.w) + (p.w ? b * p.wstride + mask.j0 : 0);
#pragma unroll
		for (int c = 0; c < TILE_C; c++) w[c] = p.w && TILE_ACROSS * c < mask.keys ? ws[TILE_ACROSS * c] : 0;
#pragma unroll
		for (int r = 0; r < R; r++) {
			const int i = tile_row() + TILE_DOWN * r;
			const T s = row_scale(p, first + (i < rows ? i : 0), scale); // by now in L1, and not worth a register
			T z[TILE_C];
#pragma unroll
			for (int c = 0; c < TILE_C; c++) z[c] = s * products.value(r, c) + u[c];
			const T factor = i < rows ? row_factor<T>(p, first + i) : 0;
			if (factor != 0) {
#pragma unroll
				for (int c = 0; c < TILE_C; c++) z[c] += factor * w[c];
			}
			mask.row(p, first + i, i < rows, z);
			use(r, i, z);
		}
	}
};

// store_row writes a row's results: its largest z, and sum_j exp(z_j - base). It returns the factor that turns such
// exponentials into weights of sum 1: 0 where all z are -inf.
template <class T> DEV double store_row(const softmax_params &p, int64_t row, T most, double base, double sum, int32_t arg) {
	if (p.lse) global<T>(p.lse)[row] = (T)(base + log(sum));
	if (p.max) global<T>(p.max)[row] = isnan(sum) ? (T)not_a_number() : most;
	if (p.arg) global<int32_t>(p.arg)[row] = arg;
	return sum == 0 ? 0 : 1 / sum;
}

// store_part writes the results of row r of a part: final ones where there is one part, which p.m tells, and else
// partial ones for softmax_finish. It returns the factor for the row's other sums.
template <class T> DEV T store_part(const softmax_params &p, const Part &at, int r, const Online<T> &s, bool writes) {
	if (at.stride == 1) {
		const double inverse = s.sum == 0 ? 0 : 1 / (double)s.sum;
		if (writes) store_row<T>(p, at.b * p.n + at.i + r, s.most, natural(s.most), s.sum, s.arg);
		return (T)inverse;
	}
	const int64_t slot = at.slot + r * at.stride;
	if (writes) {
		global<T>(p.state)[2 * slot] = s.most;
		global<T>(p.state)[2 * slot + 1] = s.sum;
		if (p.arg) global<int32_t>(p.args)[slot] = s.arg;
	}
	return 1;
}
