#!/bin/sh
# build.sh TOOLKIT OUT: every NAME.cu of this folder becomes OUT/NAME.fatbin and fatbin/NAME.fatbin beside it: cubins
# for sm_80, sm_90 and sm_100, and PTX of sm_80 for the rest; of the families named for wgmma a cubin for sm_90a, which
# alone has its instructions. OUT/NAME.SM.log keeps what ptxas says of registers.
# The PTX version is lowered so that drivers from 525 on take it; ptxas refuses an instruction that needs a later one.
# Spills and stack frames fail the build. An installed nvcc too old for an architecture leaves that one out.
# As many compilers run side by side as there are processors, or JOBS; families that are up to date are left alone.
set -eu
toolkit=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")"
PATH=$toolkit/bin:$PATH
export PATH
mkdir -p fatbin
known=$(nvcc --list-gpu-arch)
for f in fatbin/*.fatbin "$out"/*.fatbin; do # of a kernel that is no more
	if [ -e "$f" ] && [ ! -e "$(basename "$f" .fatbin).cu" ]; then rm -f "$f"; fi
done

# virtuals NAME prints what the PTX of the family is made for: VIRTUAL:VERSION:SM,SM... . For sm_80 and sm_90 the same PTX
# serves, since nothing in the sources asks which of the two it is.
virtuals() {
	targets='80:8.0:80,90 100:8.7:100'
	case $1 in *_wgmma | *_wgmma_*) targets=90a:8.0:90a ;; esac
	for target in $targets; do
		virtual=${target%%:*} sms=
		for sm in $(echo "${target##*:}" | tr , ' '); do
			case $known in *compute_"${sm%a}"*) sms=${sms:+$sms,}$sm ;; esac
		done
		case $known in *compute_"${virtual%a}"*) echo "${target%:*}:$sms" ;; esac
	done
}

# current says whether the fatbin of a family is newer than all that it was made from.
current() {
	fat=$out/$1.fatbin
	cmp -s "$fat" "fatbin/$1.fatbin" || return 1
	sources=$(cat "$out/$1".*.d 2>/dev/null | tr -d '\\' | tr ' ' '\n' | grep -E '^[A-Za-z0-9_]+\.(cu|cuh|h)$' | sort -u)
	# shellcheck disable=SC2086 # sources are words
	[ -n "$sources" ] && [ -z "$(find $sources build.sh compile.sh "$toolkit/.ready" -newer "$fat" 2>&1)" ]
}

stale=
for source in *.cu; do
	name=${source%.cu}
	current "$name" || stale="$stale $name"
done
[ -n "$stale" ] || exit 0

jobs=0
for name in $stale; do
	rm -f "$out/$name".*.d
	for target in $(virtuals "$name"); do echo "$out $name $(echo "$target" | tr :, '  ')"; done
done | tr '\n' '\0' | xargs -0 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" -I JOB sh -c 'exec sh compile.sh JOB' || jobs=$?

failed=
for name in $stale; do
	images= ptx=
	for target in $(virtuals "$name"); do
		virtual=${target%%:*}
		if [ -e "$out/$name.$virtual.failed" ]; then
			failed="$failed $name"
			sed "s/^/$name: /" "$out/$name.$virtual.failed" >&2
			continue 2
		fi
		case $virtual in 80) ptx=--image3=kind=ptx,sm=80,file=$out/$name.80.ptx ;; esac
		for sm in $(echo "${target##*:}" | tr , ' '); do images="$images --image3=kind=elf,sm=$sm,file=$out/$name.$sm.cubin"; done
	done
	# shellcheck disable=SC2086 # images are words
	fatbinary --64 --compress=false --create="$out/$name.fatbin" $images $ptx
	cp "$out/$name.fatbin" "fatbin/$name.fatbin"
	echo "kernels: $name"
done
if [ -n "$failed" ] || [ "$jobs" != 0 ]; then
	echo "build.sh:$failed not built" >&2
	exit 1
fi
