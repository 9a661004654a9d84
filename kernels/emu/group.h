// group.h: the instructions of warpgroups, by the names that wgmma.cuh gives them on a card. Part of device.h.
#pragma once

inline uint32_t shared_address(const void *p) { return mongeEmuSharedAddress(p); }
inline void proxy_fence() { mongeEmuProxyFence(); }
inline void wgmma_fence(EMU_SITE) { mongeEmuWarp(emu::GROUP_FENCE, ~0u, 0, 0, file, line); }
inline void wgmma_commit(EMU_SITE) { mongeEmuWarp(emu::GROUP_COMMIT, ~0u, 0, 0, file, line); }
template <int PENDING> inline void wgmma_wait(EMU_SITE) { mongeEmuWarp(emu::GROUP_WAIT, ~0u, PENDING, 0, file, line); }
inline void wgmma_landed(float (&)[64]) {}
inline void wgmma_64x128(float (&d)[64], uint64_t a, uint64_t b, bool add, EMU_SITE) {
	emu::GroupProduct part = {d, a, b, add};
	mongeEmuMatrix(emu::GROUP_PRODUCT, &part, file, line);
}
