#!/bin/sh
# pack.sh BUILD: fatbin/NAME.fatbin.gz of every BUILD/NAME.fatbin, for Go to embed: a fifth of the size. The mark
# tells a build from a tree where this has not been done.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")"
mkdir -p fatbin
for f in fatbin/*.gz; do # of a kernel that is no more
	if [ ! -e "$build/$(basename "$f" .gz)" ]; then rm -f "$f"; fi
done
for f in "$build"/*.fatbin; do
	gz=fatbin/$(basename "$f").gz
	if ! gzip -dc "$gz" 2>/dev/null | cmp -s - "$f"; then gzip -9nc "$f" >"$gz"; fi
done
touch fatbin/made-by-make-build-cuda
