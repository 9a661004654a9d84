// block.h: a block of threads on the CPU, one at a time, each a fiber with a stack of its own.
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <deque>
#include <vector>

#include "device.h"
#include "fault.h"
#include "shadow.h"
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace emu {
constexpr int max_threads = 1024, max_warps = max_threads / warpSize;
constexpr size_t stack_bytes = 64 << 10; // the lowest page is a guard
constexpr size_t arena_bytes = 256 << 10; // for shared memory with gaps between its arrays
constexpr size_t static_shared_limit = 48 << 10; // bytes a block
// shared_limit returns the same with dynamic shared memory, of a compute capability times ten.
inline size_t shared_limit(int capability) { return (capability == 90 ? 227 : 163) << 10; }

// Place is where in the source a thread waits.
struct Place {
	const char *file;
	int line;
};

struct Thread {
	void *stack_pointer;
	uint3 id;
	int index, warp, lane;
	bool exited, at_barrier, at_warp;
	Place place;     // where it waits
	uint64_t value, result; // of the warp operation
	int from;
	uint32_t clock;             // the warp's time of the last __syncwarp
	uint32_t known[warpSize];   // the times up to which it has seen the other lanes' accesses
	uint32_t fenced;            // the block's count of proxy fences with its last
};

// Gathering is a warp operation that some of the lanes in mask have come to.
struct Gathering {
	Op op;
	uint32_t mask, arrived;
	Place place;
};

struct Warp {
	uint32_t lanes;    // those that exist
	uint32_t exited, runnable;
	uint32_t gathered; // lanes named by the masks of open gatherings
	uint32_t time;     // counts __syncwarps
	Gathering open[warpSize]; // at the lowest lane of the mask
};

struct SharedArray {
	const void *tag;
	const char *name;
	size_t begin, bytes;
};

// Copy is a cp.async on its way.
struct Copy {
	uintptr_t to, from;
	size_t bytes;
};

// Copies are a thread's: the groups in the order of their commits, and those that no group has yet.
struct Copies {
	std::deque<std::vector<Copy>> groups;
	std::vector<Copy> open;
};

// Product is a wgmma on its way: a warp's quarter of it.
struct Product {
	GroupProduct lanes[warpSize];
	Place place;
	uint32_t phase; // when it was issued
};

// Products are a warp's: the groups in the order of their commits, and those that no group has yet.
struct Products {
	std::deque<std::vector<Product>> groups;
	std::vector<Product> open;
	bool fenced;       // since the last wait
	uint32_t issued;   // in all
	uint64_t trail;    // of all that were issued
};

// Launch is what a kernel runs with.
struct Launch {
	const Kernel *kernel;
	const void *params;
	dim3 grid, block;
	size_t dynamic;
	int capability; // of the device, times ten
	int products;   // which sums of wgmma are wrong, as faults.h says
};

// Worker runs the blocks of launches, one after another.
class Worker {
public:
	Worker();
	~Worker();
	// run runs all blocks and returns the first fault, or one with status 0.
	Fault run(const Launch &l);

	// The rest is called from the kernel's threads.
	int barrier(int p, Place place);
	uint64_t warp(Op op, uint32_t mask, uint64_t value, int from, Place place);
	void matrix(Op op, void *part, Place place);
	void copy_async(uintptr_t to, uintptr_t from, size_t bytes);
	void copy_commit();
	void copy_wait(size_t pending);
	void proxy_fence() { self->fenced = ++proxy_fences; }
	uint32_t shared_address(const void *p);
	void *shared(const void *tag, size_t bytes, size_t align, const char *name);
	void *dynamic_shared();
	void yield();
	// access checks a load or store, and align where it is not 0.
	void access(uintptr_t at, size_t bytes, Access kind, size_t align);
	[[noreturn]] void fail(int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

	const Launch *launch = nullptr;
	uint3 block_id{};
	Thread *self = nullptr;
	[[noreturn]] void start(); // a fiber's first function

private:
	void run_block();
	void stalled();             // reports why no thread can go on
	Thread *next(bool in_turn); // a thread that can run, or null; of the own warp first, unless in turn
	void switch_to(Thread *t);  // null = run_block
	void wait();                // until another thread makes this one runnable
	void wake(int warp, uint32_t lanes);
	void finish(int warp, int slot); // a gathering that is complete
	void report(int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
	void vreport(int status, const char *format, va_list a);
	SharedArray &add_array(const void *tag, size_t bytes, size_t align, const char *name);
	bool own_stack(uintptr_t at) const { return at - reinterpret_cast<uintptr_t>(stacks) - self->index * stack_bytes < stack_bytes; }
	bool read_before(size_t offset, size_t bytes);
	void check_place(uintptr_t at, size_t bytes, Access kind);
	void check_shared(size_t offset, size_t bytes, Access kind);
	void check_arrived(size_t offset, size_t bytes, Access kind);
	// Of warpgroups, see group.cc.
	void group(Op op, int warp);
	void issue(int warp);
	void land(const Product &x, int warp);
	template <class F> void each_unit(const Product &x, int warp, F f);
	void check_factor(const Product &x, size_t offset);
	void check_accumulators(uintptr_t at, Access kind);
	void check_factors(size_t offset, size_t bytes, Access kind);
	void check_groups();
	void check_cell(Cell &c, Access kind, const SharedArray &a, size_t offset);
	bool conflicts(const Stamp &s, Access kind) const;
	void add(Stamp &s, bool atomic) const;
	Thread *of(int warp, int lane) { return &threads[warp * warpSize + lane]; }

	uint8_t *stacks, *arena;
	std::vector<Thread> threads;
	Warp warps[max_warps];
	int count, warp_count; // of the block
	void *home;            // the stack pointer of run_block
	int exited;
	uint32_t ready;        // warps with runnable threads
	uint32_t idle_yields;  // in a row
	// The barrier that threads wait at.
	int arrived, barrier_votes[2];
	Place barrier_place;
	uint32_t phase; // barriers passed
	std::vector<SharedArray> arrays;
	size_t shared_end;
	std::vector<Copies> copies; // of each thread
	size_t underway;            // copies that no wait has covered
	bool copied;                // the block has made any
	std::vector<Products> products; // of each warp
	size_t flying;              // products that no wait has covered
	bool multiplied;            // the block has made any
	uint32_t proxy_fences;      // of all threads
	Shadow shadow;
	Fault fault;
};

extern thread_local Worker *current; // null outside of launches

const float *halves();        // all fp16 numbers as float32
float toward_zero(double x);  // as the tensor cores round
} // namespace emu
