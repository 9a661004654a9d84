package tile

import "golang.org/x/sys/cpu"

func levels() []Level {
	all := []Level{Plain}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		all = append(all, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
			all = append(all, AVX512)
		}
	}
	return all
}
