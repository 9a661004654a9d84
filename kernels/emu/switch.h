// switch.h: changing from one stack to another.
#pragma once
#include <stddef.h>

namespace emu {
// swap_stack saves where the caller is in *from and goes on where to was saved.
extern "C" void mongeEmuSwapStack(void **from, void *to);
// new_stack returns what swap_stack takes to call entry on the stack [low, low + bytes).
void *new_stack(void *low, size_t bytes, void (*entry)());
} // namespace emu
