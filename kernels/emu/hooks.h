// hooks.h: the functions that the compiler calls beside every load and store under -fsanitize=thread, and where
// -fsanitize=alignment,bounds finds a mistake. They go by other names in the objects of kernels, so that nothing
// clashes with the sanitizers' own libraries, in a build with -race above all. Part of device.h.
#pragma once

#define EMU_HOOK(theirs, ours) __asm__(".weak " #ours "\n.set " #theirs ", " #ours "\n");
EMU_HOOK(__tsan_read1, mongeEmuRead1)
EMU_HOOK(__tsan_write1, mongeEmuWrite1)
EMU_HOOK(__tsan_read2, mongeEmuRead2)
EMU_HOOK(__tsan_write2, mongeEmuWrite2)
EMU_HOOK(__tsan_read4, mongeEmuRead4)
EMU_HOOK(__tsan_write4, mongeEmuWrite4)
EMU_HOOK(__tsan_read8, mongeEmuRead8)
EMU_HOOK(__tsan_write8, mongeEmuWrite8)
EMU_HOOK(__tsan_read16, mongeEmuRead16)
EMU_HOOK(__tsan_write16, mongeEmuWrite16)
EMU_HOOK(__tsan_unaligned_read2, mongeEmuReadUnaligned2)
EMU_HOOK(__tsan_unaligned_write2, mongeEmuWriteUnaligned2)
EMU_HOOK(__tsan_unaligned_read4, mongeEmuReadUnaligned4)
EMU_HOOK(__tsan_unaligned_write4, mongeEmuWriteUnaligned4)
EMU_HOOK(__tsan_unaligned_read8, mongeEmuReadUnaligned8)
EMU_HOOK(__tsan_unaligned_write8, mongeEmuWriteUnaligned8)
EMU_HOOK(__tsan_unaligned_read16, mongeEmuReadUnaligned16)
EMU_HOOK(__tsan_unaligned_write16, mongeEmuWriteUnaligned16)
EMU_HOOK(__tsan_read_range, mongeEmuReadRange)
EMU_HOOK(__tsan_write_range, mongeEmuWriteRange)
EMU_HOOK(__tsan_init, mongeEmuNothing)
EMU_HOOK(__tsan_func_entry, mongeEmuNothing)
EMU_HOOK(__tsan_func_exit, mongeEmuNothing)
EMU_HOOK(__ubsan_handle_type_mismatch_v1, mongeEmuMisaligned)
EMU_HOOK(__ubsan_handle_out_of_bounds, mongeEmuOutOfBounds)
