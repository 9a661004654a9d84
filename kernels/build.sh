#!/bin/sh
# build.sh TOOLKIT OUT: every NAME.cu of this folder becomes OUT/NAME.fatbin and fatbin/NAME.fatbin beside it: cubins
# for sm_80, sm_90 and sm_100, and PTX of sm_80 for the rest. OUT/NAME.SM.log keeps what ptxas says of registers.
# The PTX version is lowered so that drivers from 525 on take it; ptxas refuses an instruction that needs a later one.
# Spills and stack frames fail the build. An installed nvcc too old for an architecture leaves that one out.
set -eu
toolkit=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")"
PATH=$toolkit/bin:$PATH
mkdir -p fatbin
known=$(nvcc --list-gpu-arch)
for f in fatbin/*.fatbin "$out"/*.fatbin; do # of a kernel that is no more
	if [ -e "$f" ] && [ ! -e "$(basename "$f" .fatbin).cu" ]; then rm -f "$f"; fi
done

for source in *.cu; do
	name=${source%.cu}
	fat=$out/$name.fatbin
	if [ -z "$(find "$source" ./*.cuh params.h build.sh "$toolkit/.ready" -newer "$fat" 2>&1)" ] && cmp -s "$fat" "fatbin/$name.fatbin"; then
		continue
	fi
	images=
	for target in 80:8.0 90:8.0 100:8.7; do
		sm=${target%:*} version=${target#*:} base=$out/$name.${target%:*}
		case $known in *compute_"$sm"*) ;; *) continue ;; esac
		nvcc -O3 -std=c++17 -arch=compute_"$sm" -ptx -o "$base.ptx" "$source"
		sed -i -e '/pragma "used_bytes_mask/d' "$base.ptx"
		if [ "$(sed -n 's/^\.version //p' "$base.ptx" | tr -d .)" -gt "$(echo "$version" | tr -d .)" ]; then
			sed -i -e "s/^\.version .*/.version $version/" "$base.ptx"
		fi
		ptxas -v -O3 -arch=sm_"$sm" "$base.ptx" -o "$base.cubin" 2>"$base.log" || { cat "$base.log" >&2; exit 1; }
		if grep -E '[1-9][0-9]* bytes (stack frame|spill)' "$base.log" >&2; then
			echo "build.sh: $source spills on sm_$sm: $base.log" >&2
			exit 1
		fi
		images="$images --image3=kind=elf,sm=$sm,file=$base.cubin"
	done
	# shellcheck disable=SC2086 # images are words
	fatbinary --64 --compress=false --create="$fat" $images --image3=kind=ptx,sm=80,file="$out/$name.80.ptx"
	cp "$fat" "fatbin/$name.fatbin"
	echo "kernels: $name"
done
