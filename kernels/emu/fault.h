// fault.h: the driver's status codes and what a kernel did wrong.
#pragma once
#include <string>

namespace emu {
enum Status {
	SUCCESS = 0,
	INVALID_VALUE = 1,
	OUT_OF_MEMORY = 2,
	NOT_INITIALIZED = 3,
	NO_DEVICE = 100,
	INVALID_DEVICE = 101,
	INVALID_IMAGE = 200,
	INVALID_CONTEXT = 201,
	INVALID_SOURCE = 300,
	INVALID_HANDLE = 400,
	NOT_FOUND = 500,
	NOT_READY = 600,
	ILLEGAL_ADDRESS = 700,
	LAUNCH_OUT_OF_RESOURCES = 701,
	PRIMARY_CONTEXT_ACTIVE = 708,
	CONTEXT_IS_DESTROYED = 709,
	ASSERT = 710,
	ILLEGAL_INSTRUCTION = 715,
	MISALIGNED_ADDRESS = 716,
	LAUNCH_FAILED = 719,
	NOT_SUPPORTED = 801,
	UNKNOWN = 999,
};

// Fault is the first mistake of a launch.
struct Fault {
	int status = 0;
	std::string text;
};

// Access is what a thread does to memory.
enum Access { READ, WRITE, ATOMIC };
} // namespace emu
