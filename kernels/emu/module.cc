//go:build emu && cgo

// module.cc: modules, functions, launches.
#include <string.h>

#include <memory>

#include "driver.h"

using namespace emu;

void mongeEmuRegister(Kernel *k) {
	k->next = const_cast<Kernel *>(driver().kernels);
	driver().kernels = k;
}

namespace {
constexpr char magic[] = "monge-emu ";

// module_of returns the name of the file without its folder and ending.
std::string module_of(const char *file) {
	std::string s = file;
	s = s.substr(s.find_last_of('/') + 1);
	return s.substr(0, s.find('.'));
}
} // namespace

EMU_API emu_cuModuleLoadData(Module **module, const void *image) {
	Call call;
	if (call.status) return call.status;
	if (!module || !image) return INVALID_VALUE;
	const char *text = static_cast<const char *>(image);
	if (strncmp(text, magic, sizeof magic - 1)) return INVALID_IMAGE;
	const std::string name = text + sizeof magic - 1;
	auto m = std::make_unique<Module>(Module{call.context, {}});
	for (const Kernel *k = call.d.kernels; k; k = k->next)
		if (module_of(k->file) == name) m->functions[k->name] = {k, (int)static_shared_limit, -1, 0};
	if (m->functions.empty()) return INVALID_IMAGE;
	*module = m.get();
	call.context->modules.insert(m.release());
	return SUCCESS;
}

EMU_API emu_cuModuleLoadDataEx(Module **module, const void *image, unsigned, int *, void **) { return emu_cuModuleLoadData(module, image); }
EMU_API emu_cuModuleLoadFatBinary(Module **module, const void *image) { return emu_cuModuleLoadData(module, image); }

EMU_API emu_cuModuleUnload(Module *module) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->modules.count(module)) return INVALID_HANDLE;
	if (int s = call.context->drain()) return s;
	call.context->modules.erase(module);
	delete module;
	return SUCCESS;
}

EMU_API emu_cuModuleGetFunction(Function **function, Module *module, const char *name) {
	Call call;
	if (call.status) return call.status;
	if (!function || !name) return INVALID_VALUE;
	if (!call.context->modules.count(module)) return INVALID_HANDLE;
	const auto f = module->functions.find(name);
	if (f == module->functions.end() || !strcmp(name, call.d.faults.kernel_name)) return NOT_FOUND;
	*function = &f->second;
	return SUCCESS;
}

EMU_API emu_cuModuleGetGlobal_v2(uintptr_t *, size_t *, Module *, const char *) {
	Call call;
	return call.status ? call.status : NOT_FOUND; // kernels have no globals
}

namespace {
bool known(const Context *c, const Function *f) {
	for (const Module *m : c->modules)
		for (const auto &x : m->functions)
			if (&x.second == f) return true;
	return false;
}
} // namespace

EMU_API emu_cuFuncGetAttribute(int *value, int attribute, Function *f) {
	Call call;
	if (call.status) return call.status;
	if (!known(call.context, f)) return INVALID_HANDLE;
	switch (attribute) {
	case 0: *value = f->kernel->threads; break;
	case 1: *value = 0; break;  // static shared memory: not known before a launch
	case 2: *value = 0; break;  // constant memory
	case 3: *value = 0; break;  // local memory
	case 4: *value = 32; break; // registers
	case 5: case 6: *value = 80; break;
	case 7: *value = f->cache; break;
	case 8: *value = f->dynamic_limit; break;
	case 9: *value = f->carveout; break;
	default: return INVALID_VALUE;
	}
	return SUCCESS;
}

EMU_API emu_cuFuncSetAttribute(Function *f, int attribute, int value) {
	Call call;
	if (call.status) return call.status;
	if (!known(call.context, f)) return INVALID_HANDLE;
	if (attribute == 8 && value >= 0 && value <= (int)shared_limit(call.d.capability()))
		f->dynamic_limit = value;
	else if (attribute == 9 && value >= -1 && value <= 100)
		f->carveout = value;
	else
		return INVALID_VALUE;
	return SUCCESS;
}

EMU_API emu_cuFuncSetCacheConfig(Function *f, int config) {
	Call call;
	if (call.status) return call.status;
	if (!known(call.context, f)) return INVALID_HANDLE;
	f->cache = config;
	return SUCCESS;
}

EMU_API emu_cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function *f, int threads, size_t dynamic) {
	Call call;
	if (call.status) return call.status;
	if (!known(call.context, f)) return INVALID_HANDLE;
	if (threads < 1) return INVALID_VALUE;
	*blocks = threads > f->kernel->threads ? 0 : min(32, 2048 / threads);
	if (dynamic) *blocks = min(*blocks, (int)(shared_limit(call.d.capability()) / dynamic));
	return SUCCESS;
}

EMU_API emu_cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned dynamic, Stream *stream, void **params,
                           void **extra) {
	Call call;
	if (call.status) return call.status;
	if (!known(call.context, f) || !stream_known(call.context, stream)) return INVALID_HANDLE;
	if (!gx || !gy || !gz || !bx || !by || !bz || gx > 2147483647u || gy > 65535 || gz > 65535) return INVALID_VALUE;
	if (bx > 1024 || by > 1024 || bz > 64 || (uint64_t)bx * by * bz > (uint64_t)f->kernel->threads) return INVALID_VALUE;
	if (dynamic > (unsigned)f->dynamic_limit || !params || !params[0] || extra) return INVALID_VALUE;
	if (due(call.d.faults.launch)) return LAUNCH_OUT_OF_RESOURCES;
	const bool faulty = due(call.d.faults.kernel);
	// The parameters are copied now, as the driver does.
	auto bytes = std::make_shared<std::vector<double>>((f->kernel->params + 7) / 8);
	memcpy(bytes->data(), params[0], f->kernel->params);
	const Kernel *kernel = f->kernel;
	return call.context->enqueue([=, &d = call.d]() -> int {
		static Worker worker; // under the driver's lock
		Fault fault{LAUNCH_FAILED, std::string("kernel ") + kernel->name + ": fails on request"};
		if (!faulty) fault = worker.run({kernel, bytes->data(), {gx, gy, gz}, {bx, by, bz}, dynamic, d.capability(), d.faults.products});
		if (fault.status) d.fault = fault.text;
		return fault.status;
	});
}
