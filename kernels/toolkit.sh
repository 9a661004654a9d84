#!/bin/sh
# toolkit.sh DIR: the CUDA compiler and headers in DIR/bin and DIR/include. An installed nvcc (NVCC, or on PATH) is
# linked; elsewhere wheels of pinned versions and hashes are fetched (pip of Python 3, 15 s, 225 MB).
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
nvcc=${NVCC:-$(command -v nvcc || true)}
want=$(cat "$here/toolkit.txt" "$here/toolkit.sh" | sha256sum | cut -d ' ' -f 1)
[ -z "$nvcc" ] || want="$nvcc $want"
if [ "$(cat "$dir/.ready" 2>/dev/null)" = "$want" ]; then exit 0; fi
rm -rf "$dir"
mkdir -p "$dir/bin"
dir=$(cd "$dir" && pwd)

# tool NAME PATH: a script, since the programs look for their parts beside their own path.
tool() {
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$2" >"$dir/bin/$1"
	chmod +x "$dir/bin/$1"
}

if [ -n "$nvcc" ]; then
	home=$(cd "$(dirname "$(readlink -f "$nvcc")")/.." && pwd)
	for f in nvcc ptxas fatbinary cuobjdump nvdisasm; do
		if [ -x "$home/bin/$f" ]; then tool "$f" "$home/bin/$f"; fi
	done
	for include in "$home/include" "$home"/targets/*/include; do # elsewhere the C compiler finds cuda.h by itself
		if [ -e "$include/cuda.h" ] && [ ! -e "$dir/include" ]; then ln -s "$include" "$dir/include"; fi
	done
	echo "toolkit: $nvcc"
else
	wheels=$dir/wheels
	python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
		--only-binary=:all: --require-hashes -r "$here/toolkit.txt" --target "$wheels"
	new=$wheels/nvidia/cu13 old=$wheels/nvidia/cuda_nvcc
	rm -f "$new"/lib/libnvvm.so* "$new/bin/nvlink" "$old"/nvvm/lib64/libnvvm.so # 180 MB that nothing here uses
	chmod +x "$new"/bin/* "$new/nvvm/bin/cicc" "$old/bin/ptxas"
	for f in nvcc fatbinary cuobjdump nvdisasm; do tool "$f" "$new/bin/$f"; done
	tool ptxas "$old/bin/ptxas"
	ln -s "wheels/nvidia/cuda_runtime/include" "$dir/include"
	echo "toolkit: nvcc 13.0.88, ptxas 12.9.86, headers 12.9"
fi
printf '%s\n' "$want" >"$dir/.ready"
