//go:build emu && cgo

// switch.cc: by hand where the processor is known, by ucontext and its system calls elsewhere.
#include "switch.h"

#include <stdint.h>

#if defined(__x86_64__) && !defined(EMU_UCONTEXT)
// What a function must keep by the System V ABI. The floating-point modes are the same on all stacks.
__asm__(R"(
.text
.globl mongeEmuSwapStack
.type mongeEmuSwapStack, @function
mongeEmuSwapStack:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
.size mongeEmuSwapStack, .-mongeEmuSwapStack
)");

void *emu::new_stack(void *low, size_t bytes, void (*entry)()) {
	// A called function finds the stack 8 bytes off a multiple of 16: its return address lies there.
	auto top = reinterpret_cast<uintptr_t *>((reinterpret_cast<uintptr_t>(low) + bytes) & ~uintptr_t(15));
	*--top = 0;
	*--top = reinterpret_cast<uintptr_t>(entry);
	return top - 6;
}
#else
#include <stdlib.h>
#include <ucontext.h>

// Where a stack was left: a ucontext at its low end for new stacks, on the stack itself later.
namespace {
struct Saved {
	ucontext_t context;
};
}

extern "C" void mongeEmuSwapStack(void **from, void *to) {
	Saved here;
	*from = &here;
	swapcontext(&here.context, &static_cast<Saved *>(to)->context);
}

void *emu::new_stack(void *low, size_t bytes, void (*entry)()) {
	auto s = static_cast<Saved *>(low);
	getcontext(&s->context);
	s->context.uc_stack.ss_sp = s + 1;
	s->context.uc_stack.ss_size = bytes - sizeof *s;
	s->context.uc_link = nullptr;
	makecontext(&s->context, entry, 0);
	return s;
}
#endif
