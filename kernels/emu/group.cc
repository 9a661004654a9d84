//go:build emu && cgo

// group.cc: what warpgroups do together: wgmma of four warps, on its way from its issue to the wait.
//
// Its factors are read where the matrix descriptors of the PTX ISA ("Asynchronous Warpgroup Level Matrix Shared Memory
// Layout") say, K-major, and MN-major where the right one lies by rows. The sums land in the accumulators at the wait, and
// until then neither they nor the factors may be touched, in registers neither. A warp computes its quarter, 16 rows, by
// itself; that all four came to the same products shows at the block's end.
#include <string.h>

#include "block.h"

namespace emu {
namespace {
constexpr int group_warps = 4, most_columns = 128, depth = 16;

// swizzled returns an address as a swizzle turns it: bits from 4 on are XORed with those from 7 on.
size_t swizzled(size_t at, int mode) { return at ^ (at >> 3 & (0x70 & 0x70 >> (mode - 1))); }

// place returns where 16 bytes of a factor lie in shared memory: of a row, the first or second 8 numbers.
size_t place(uint64_t descriptor, int row, int unit) {
	const size_t start = (descriptor & 0x3fff) << 4, lead = (descriptor >> 16 & 0x3fff) << 4, stride = (descriptor >> 32 & 0x3fff) << 4;
	const int mode = descriptor >> 62; // 0 none, 1 of 128 bytes, 2 of 64, 3 of 32
	if (mode == 0) return start + row / 8 * stride + unit * lead + row % 8 * 16;
	return swizzled(start + row / 8 * stride + row % 8 * (256 >> mode) + unit * 16, mode);
}

// place_across returns where 8 neighbouring columns, number unit, of row k of a factor lie that is stored by rows: patterns as wide
// as the swizzle and 8 rows high.
size_t place_across(uint64_t descriptor, int k, int unit) {
	const size_t start = (descriptor & 0x3fff) << 4, lead = (descriptor >> 16 & 0x3fff) << 4, stride = (descriptor >> 32 & 0x3fff) << 4;
	const int mode = descriptor >> 62;
	if (mode == 0) return start + unit * stride + k / 8 * lead + k % 8 * 16;
	const int width = 256 >> mode, units = width / 16; // of a pattern
	return swizzled(start + unit / units * lead + k / 8 * stride + k % 8 * width + unit % units * 16, mode);
}

// reserved are the bits of a descriptor that are 0, and the base offset, which is 0 where patterns begin at their multiples.
constexpr uint64_t reserved = 0x3fffc000c000c000;
} // namespace

uint32_t Worker::shared_address(const void *p) {
	const uintptr_t at = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(arena);
	if (at >= arena_bytes) fail(ILLEGAL_ADDRESS, "asks for the shared address of %p, which is no shared memory", p);
	return (uint32_t)at;
}

void Worker::group(Op op, int warp) {
	Thread *const last = self;
	self = of(warp, 0);
	Products &x = products[warp];
	if (launch->capability != 90) fail(ILLEGAL_INSTRUCTION, "comes to wgmma on a device of compute capability %d.%d", launch->capability / 10, launch->capability % 10);
	multiplied = true;
	switch (op) {
	case GROUP_FENCE: x.fenced = true; break;
	case GROUP_PRODUCT: issue(warp); break;
	case GROUP_COMMIT:
		x.groups.push_back(std::move(x.open));
		x.open.clear();
		break;
	default: // GROUP_WAIT
		for (const size_t pending = of(warp, 0)->value; x.groups.size() > pending; x.groups.pop_front())
			for (const Product &product : x.groups.front()) land(product, warp);
		x.fenced = false;
	}
	self = last;
}

// each_unit calls f(offset) for all 16-byte pieces of the factors of a warp's quarter.
template <class F> void Worker::each_unit(const Product &x, int warp, F f) {
	const GroupProduct &p = x.lanes[0];
	for (int unit = 0; unit < 2; unit++) {
		for (int row = 0; row < 16 && !p.registers; row++) f(place(p.a, warp % group_warps * 16 + row, unit));
		for (int row = 0; row < p.columns && !p.rows; row++) f(place(p.b, row, unit));
	}
	for (int k = 0; k < depth && p.rows; k++)
		for (int unit = 0; unit < p.columns / 8; unit++) f(place_across(p.b, k, unit));
}

void Worker::issue(int warp) {
	Products &x = products[warp];
	Product product{};
	product.place = warps[warp].open[0].place, product.phase = phase;
	for (int l = 0; l < warpSize; l++) product.lanes[l] = *reinterpret_cast<GroupProduct *>(of(warp, l)->value);
	const GroupProduct &first = product.lanes[0];
	const Place at = product.place;
	if (!x.fenced) fail(LAUNCH_FAILED, "comes to wgmma at %s:%d with no wgmma.fence since it had the accumulators", at.file, at.line);
	if ((warp | (group_warps - 1)) * warpSize + warpSize > count) fail(LAUNCH_FAILED, "comes to wgmma at %s:%d in a warpgroup that lacks warps", at.file, at.line);
	for (const GroupProduct &p : product.lanes)
		if (p.a != first.a || p.b != first.b || p.add != first.add) fail(LAUNCH_FAILED, "comes to wgmma at %s:%d with another descriptor than another lane", at.file, at.line);
	for (uint64_t d : {first.a, first.b})
		if (d & reserved) fail(LAUNCH_FAILED, "gives wgmma at %s:%d the descriptor %#llx, with a base offset or bits that mean nothing", at.file, at.line, (unsigned long long)d);
	each_unit(product, warp, [&](size_t offset) {
		check_factor(product, offset);
		for (int w = 0; w < 4; w++) shadow.reading[offset / 4 + w]++;
	});
	x.issued++;
	for (uint64_t v : {first.a, first.b, (uint64_t)first.add, (uint64_t)first.columns}) x.trail = (x.trail ^ v) * 0x100000001b3; // FNV
	x.open.push_back(product);
	flying++;
}

// check_factor checks that 16 bytes may be read: as any read, and that who wrote them has passed a proxy fence since.
void Worker::check_factor(const Product &x, size_t offset) {
	access(reinterpret_cast<uintptr_t>(arena) + offset, 16, READ, 16);
	for (size_t at = offset; at < offset + 16; at++) {
		const Cell &word = shadow.words[at / 4];
		const Stamp &s = word.split ? shadow.bytes[at].write : word.write;
		for (uint32_t m = s.several ? 0 : s.lanes; m; m &= m - 1) {
			const Thread &writer = *of(s.warp, __builtin_ctz(m));
			if (writer.fenced <= shadow.wrote[at / 4])
				fail(LAUNCH_FAILED, "reads by wgmma at %s:%d what thread (%u, %u, %u) wrote to shared memory with no fence.proxy.async since", x.place.file, x.place.line, writer.id.x, writer.id.y,
				     writer.id.z);
		}
		if (!word.split) at |= 3;
	}
}

void Worker::land(const Product &x, int warp) {
	flying--;
	const float *const half = halves();
	static thread_local double a[16][depth], b[depth][most_columns], d[16][most_columns];
	const GroupProduct &p = x.lanes[0];
	const bool later = phase != x.phase;
	each_unit(x, warp, [&](size_t offset) {
		for (int w = 0; w < 4; w++) shadow.reading[offset / 4 + w]--;
		if (later) check_factor(x, offset); // for races, it reads until now
	});
	const auto number = [&](size_t at, int i) {
		uint16_t h;
		memcpy(&h, arena + at + i * 2, 2);
		return half[h];
	};
	for (int k = 0; k < depth; k++) {
		for (int i = 0; i < 16 && !p.registers; i++) a[i][k] = number(place(p.a, warp % group_warps * 16 + i, k / 8), k % 8);
		for (int j = 0; j < p.columns; j++) b[k][j] = p.rows ? number(place_across(p.b, k, j / 8), j % 8) : number(place(p.b, j, k / 8), k % 8);
	}
	// As mma.m16n8k16 for every 8 columns: lane l has rows l / 4 + 8 h and columns 2 (l % 4) + {0, 1}; of the left factor the
	// same rows and numbers.
	for (int l = 0; l < warpSize && p.registers; l++)
		for (int v = 0; v < 8; v++) a[(l >> 2) + 8 * (v >> 1 & 1)][2 * (l & 3) + (v & 1) + 8 * (v >> 2)] = half[x.lanes[l].registers[v / 2] >> 16 * (v & 1) & 0xffff];
	const auto each_number = [&](auto f) {
		for (int l = 0; l < warpSize; l++)
			for (int v = 0; v < p.columns / 2; v++) f(x.lanes[l].d[v], d[(l >> 2) + 8 * (v >> 1 & 1)][v / 4 * 8 + 2 * (l & 3) + (v & 1)]);
	};
	each_number([&](float &to, double &sum) { sum = p.add ? to : 0; });
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < depth; k++)
			for (int j = 0; j < p.columns; j++) d[i][j] += a[i][k] * b[k][j];
	const bool wrong = launch->products == 1 || (launch->products == 2 && p.rows);
	each_number([&](float &to, double &sum) { to = toward_zero(wrong ? sum / 2 : sum); });
}

void Worker::check_accumulators(uintptr_t at, Access kind) {
	static const char *const verbs[] = {"reads", "writes", "updates"};
	const auto check = [&](const std::vector<Product> &group) {
		for (const Product &x : group) {
			const GroupProduct &p = x.lanes[self->lane];
			if (at - reinterpret_cast<uintptr_t>(p.d) < p.columns / 2 * sizeof(float))
				fail(LAUNCH_FAILED, "%s an accumulator of the wgmma at %s:%d, which no wait covers", verbs[kind], x.place.file, x.place.line);
			if (kind != READ && p.registers && at - reinterpret_cast<uintptr_t>(p.registers) < 4 * sizeof(uint32_t))
				fail(LAUNCH_FAILED, "%s a factor of the wgmma at %s:%d, which no wait covers", verbs[kind], x.place.file, x.place.line);
		}
	};
	const Products &mine = products[self->warp];
	for (const auto &group : mine.groups) check(group);
	check(mine.open);
}

void Worker::check_factors(size_t offset, size_t bytes, Access kind) {
	for (size_t at = offset / 4; at <= (offset + bytes - 1) / 4; at++)
		if (shadow.reading[at]) fail(LAUNCH_FAILED, "%s shared memory that a wgmma reads, which no wait covers", kind == WRITE ? "writes" : "updates");
}

// check_groups holds the warps of a block that has ended to the same products.
void Worker::check_groups() {
	for (int w = 0; w < warp_count; w++) {
		const Products &mine = products[w], &first = products[w / group_warps * group_warps];
		self = of(w, 0);
		if (mine.issued != first.issued || mine.trail != first.trail) {
			report(LAUNCH_FAILED, "has come to %u wgmmas, and the first warp of its warpgroup to %u, or to others", mine.issued, first.issued);
			return;
		}
		if (!mine.open.empty() || !mine.groups.empty()) {
			report(LAUNCH_FAILED, "ends with a wgmma on its way");
			return;
		}
	}
}
} // namespace emu
