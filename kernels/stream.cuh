// stream.cuh: reading and writing arrays 16 bytes a thread at a time, where they lie so, with the same work for a
// thread where they do not.
#pragma once
#include "async.cuh"

// read returns the Vec from p on, of which left numbers are there; the rest is 0. vec tells that p is aligned.
template <class T> DEV Vec<T> read(Global<const T> p, bool vec, int64_t left) {
	Vec<T> v;
	if (vec && left >= Vec<T>::SIZE) return *reinterpret_cast<Global<const Vec<T>>>(p);
#pragma unroll
	for (int e = 0; e < Vec<T>::SIZE; e++) v.at[e] = e < left ? p[e] : T(0);
	return v;
}

// write writes the first left numbers of v from p on.
template <class T> DEV void write(Global<T> p, bool vec, int64_t left, const Vec<T> &v) {
	if (vec && left >= Vec<T>::SIZE) {
		*reinterpret_cast<Global<Vec<T>>>(p) = v;
		return;
	}
#pragma unroll
	for (int e = 0; e < Vec<T>::SIZE; e++)
		if (e < left) p[e] = v.at[e];
}

// Walk goes over rows of width places, this thread's of all threads of the grid, without a division a step.
struct Walk {
	int64_t row, place;
	int64_t width, rows_on, places_on;

	DEV Walk(int64_t width) : width(width) {
		row = first_item() / width;
		place = first_item() % width;
		rows_on = item_step() / width;
		places_on = item_step() % width;
	}
	DEV void next() {
		row += rows_on;
		place += places_on;
		if (place >= width) place -= width, row++;
	}
};
