// matrix.h: the tensor cores' instructions, asynchronous copies and the approximate functions, by the names that
// mma.cuh gives them on a card. Part of device.h.
#pragma once

inline void ldmatrix4(uint32_t (&r)[4], const void *row, EMU_SITE) {
	emu::MatrixLoad part = {row, false, {}};
	mongeEmuMatrix(emu::MATRIX_LOAD, &part, file, line);
	for (int i = 0; i < 4; i++) r[i] = part.r[i];
}
inline void ldmatrix4_trans(uint32_t (&r)[4], const void *row, EMU_SITE) {
	emu::MatrixLoad part = {row, true, {}};
	mongeEmuMatrix(emu::MATRIX_LOAD, &part, file, line);
	for (int i = 0; i < 4; i++) r[i] = part.r[i];
}
inline void mma16816(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, EMU_SITE) {
	emu::MatrixProduct part = {{d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b0, b1}};
	mongeEmuMatrix(emu::MATRIX_PRODUCT, &part, file, line);
	for (int i = 0; i < 4; i++) d[i] = part.d[i];
}
inline void copy_async16(void *shared, const void *global) { mongeEmuCopyAsync(shared, global, 16); }
inline void copy_commit() { mongeEmuCopyCommit(); }
template <class T> inline const T *opaque(const T *p) { return p; }
inline int opaque(int x) { return x; }
template <int PENDING> inline void copy_wait() { mongeEmuCopyWait(PENDING); }

// ex2_approx flushes what is below the normal numbers to zero, as ex2.approx.ftz does.
inline float ex2_approx(float x) {
	const float y = exp2f(x);
	return y < 0x1p-126f ? 0 : y;
}

inline uint32_t pack_half2(float low, float high) {
	const _Float16 h[2] = {(_Float16)low, (_Float16)high};
	uint32_t r;
	__builtin_memcpy(&r, h, 4);
	return r;
}
inline void unpack_half2(uint32_t r, float &low, float &high) {
	_Float16 h[2];
	__builtin_memcpy(h, &r, 4);
	low = (float)h[0], high = (float)h[1];
}
