#!/bin/sh
# compile.sh OUT NAME VIRTUAL VERSION SM...: NAME.cu as OUT/NAME.VIRTUAL.ptx, code for compute_VIRTUAL and later marked as
# of PTX VERSION, and from it OUT/NAME.SM.cubin for each SM, with OUT/NAME.SM.log of what ptxas says. NAME.VIRTUAL.d has
# the files that it was made from. What goes wrong is in OUT/NAME.VIRTUAL.failed:
# spills and stack frames, too, and what ptxas says where products of warpgroups cannot run on their own (C75..).
# build.sh calls it, in this folder and with the toolkit on PATH.
set -eu
out=$1 name=$2 virtual=$3 version=$4
shift 4
ptx=$out/$name.$virtual
echo "interrupted" >"$ptx.failed"
exec 2>"$ptx.said"
fail() {
	{ cat "$ptx.said"; echo "$*"; } >"$ptx.failed"
	exit 1
}
for sm; do rm -f "$out/$name.$sm.cubin" "$out/$name.$sm.log"; done

nvcc -O3 -std=c++17 -arch=compute_"$virtual" -MD -MF "$ptx.d" -ptx -o "$ptx.ptx" "$name.cu" || fail "nvcc refuses $name.cu for compute_$virtual"
sed -i -e '/pragma "used_bytes_mask/d' "$ptx.ptx"
if [ "$(sed -n 's/^\.version //p' "$ptx.ptx" | tr -d .)" -gt "$(echo "$version" | tr -d .)" ]; then
	sed -i -e "s/^\.version .*/.version $version/" "$ptx.ptx"
fi
for sm; do
	[ "$sm" = "$virtual" ] || cp "$ptx.ptx" "$out/$name.$sm.ptx"
	log=$out/$name.$sm.log
	ptxas -v -O3 -arch=sm_"$sm" "$ptx.ptx" -o "$out/$name.$sm.cubin" 2>"$log" || { cat "$log" >&2; fail "ptxas refuses $name.cu for sm_$sm"; }
	if grep -E '[1-9][0-9]* bytes (stack frame|spill)' "$log" >&2; then fail "$name.cu spills on sm_$sm: $log"; fi
	if grep -E '\(C75[0-9][0-9]\)' "$log" >&2; then fail "$name.cu has products of warpgroups that wait on sm_$sm: $log"; fi
done
rm -f "$ptx.failed" "$ptx.said"
