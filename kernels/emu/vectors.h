// vectors.h: CUDA's vector types with their alignments, and dim3.
#pragma once

#define EMU_VECTOR2(name, T) \
	struct alignas(2 * sizeof(T)) name { T x, y; }; \
	inline name make_##name(T x, T y) { return {x, y}; }
#define EMU_VECTOR3(name, T) \
	struct name { T x, y, z; }; \
	inline name make_##name(T x, T y, T z) { return {x, y, z}; }
#define EMU_VECTOR4(name, T) \
	struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name { T x, y, z, w; }; \
	inline name make_##name(T x, T y, T z, T w) { return {x, y, z, w}; }

EMU_VECTOR2(char2, signed char)
EMU_VECTOR4(char4, signed char)
EMU_VECTOR2(uchar2, unsigned char)
EMU_VECTOR4(uchar4, unsigned char)
EMU_VECTOR2(short2, short)
EMU_VECTOR4(short4, short)
EMU_VECTOR2(ushort2, unsigned short)
EMU_VECTOR4(ushort4, unsigned short)
EMU_VECTOR2(int2, int)
EMU_VECTOR3(int3, int)
EMU_VECTOR4(int4, int)
EMU_VECTOR2(uint2, unsigned)
EMU_VECTOR3(uint3, unsigned)
EMU_VECTOR4(uint4, unsigned)
EMU_VECTOR2(float2, float)
EMU_VECTOR3(float3, float)
EMU_VECTOR4(float4, float)
EMU_VECTOR2(double2, double)
EMU_VECTOR2(longlong2, long long)
EMU_VECTOR2(ulonglong2, unsigned long long)

struct dim3 {
	unsigned x = 1, y = 1, z = 1;
};
