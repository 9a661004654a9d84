// group.h: the instructions of warpgroups, by the names that wgmma.cuh gives them on a card. Part of device.h.
#pragma once

inline uint32_t shared_address(const void *p) { return mongeEmuSharedAddress(p); }
inline void proxy_fence() { mongeEmuProxyFence(); }
inline void wgmma_fence(EMU_SITE) { mongeEmuWarp(emu::GROUP_FENCE, ~0u, 0, 0, file, line); }
inline void wgmma_commit(EMU_SITE) { mongeEmuWarp(emu::GROUP_COMMIT, ~0u, 0, 0, file, line); }
template <int PENDING> inline void wgmma_wait(EMU_SITE) { mongeEmuWarp(emu::GROUP_WAIT, ~0u, PENDING, 0, file, line); }
template <int N> inline void wgmma_landed(float (&)[N]) {}
inline void wgmma_64x128(float (&d)[64], uint64_t a, uint64_t b, bool add, EMU_SITE) {
	emu::GroupProduct part = {d, nullptr, a, b, 128, false, add};
	mongeEmuMatrix(emu::GROUP_PRODUCT, &part, file, line);
}
inline void wgmma_64x64(float (&d)[32], uint64_t a, uint64_t b, bool add, EMU_SITE) {
	emu::GroupProduct part = {d, nullptr, a, b, 64, false, add};
	mongeEmuMatrix(emu::GROUP_PRODUCT, &part, file, line);
}
template <int N> inline void wgmma_columns(float (&d)[N], const uint32_t (&a)[4], uint64_t b, bool add, EMU_SITE) {
	static_assert(N == 16 || N == 32, "32 or 64 columns");
	emu::GroupProduct part = {d, a, 0, b, 2 * N, true, add};
	mongeEmuMatrix(emu::GROUP_PRODUCT, &part, file, line);
}
