// driver.h: the state of the emulated driver. Its functions have the driver's names with emu_ in front and are
// found by those names through mongeEmuSymbol.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "block.h"
#include "faults.h"
#include "buffers.h"

#define EMU_API extern "C" int

namespace emu {
struct Context;

struct Stream {
	Context *context;
	unsigned flags;
	int priority;
};
struct Event {
	Context *context;
	int state; // 0 = never recorded, 1 = queued, 2 = passed
	double time; // ms
};
struct Function {
	const Kernel *kernel;
	int dynamic_limit, carveout, cache;
};
struct Module {
	Context *context;
	std::map<std::string, Function> functions;
};

// Context owns what is made while it is current. Work is done in the order in which it is queued, which is an order
// that the streams and events allow, when somebody waits for it: so a wait that is missing shows.
struct Context {
	Context(bool primary, int references) : primary(primary), references(references) {}
	bool primary;
	int references; // of the primary one
	int status = 0; // of the first fault; it stays
	std::deque<std::function<int()>> queue;
	std::map<uintptr_t, size_t> buffers;
	std::map<uintptr_t, size_t> pinned;
	std::set<Stream *> streams;
	std::set<Event *> events;
	std::set<Module *> modules;

	int drain(); // does what is queued; returns status
	int enqueue(std::function<int()> work);
};

struct Driver {
	std::recursive_mutex lock;
	bool initialised = false, lost = false;
	mongeEmuFaults faults{};
	mongeEmuLive orphans{};
	size_t used = 0; // bytes of device memory
	std::set<Context *> contexts;
	Context *primary = nullptr;
	std::string fault; // the text of the last
	const Kernel *kernels = nullptr;

	void destroy(Context *c);
	int capability() const { return faults.capability ? faults.capability : 80; } // times ten
	size_t total() const { return faults.memory ? (size_t)faults.memory : size_t(8) << 30; }
};
Driver &driver(); // made at the first call, which may be a constructor's

// Call is the frame of a driver function: the lock, and the context that is current.
class Call {
public:
	enum Need { NOTHING, DRIVER, CONTEXT };
	explicit Call(Need need = CONTEXT);
	int status; // why the function cannot go on
	Driver &d;
	Context *context = nullptr;

private:
	std::lock_guard<std::recursive_mutex> guard;
};
// due counts a fault down and says whether it is due now.
bool due(int64_t &k);
Context *&current_context();
// stream_known says whether a handle is a stream of c, or one of the default streams.
bool stream_known(const Context *c, const Stream *s);
const char *error_name(int status);
} // namespace emu
