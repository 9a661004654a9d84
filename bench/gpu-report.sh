#!/bin/sh
# gpu-report.sh [DIR]: on a machine with a CUDA device, takes the engine through its conformance cases, through
# compute-sanitizer where that is installed, and through the benchmarks, and writes DIR/gpu-DEVICE.txt (DIR = .).
# It lies in the folder that `make dist` fills, and needs nothing but that folder, a shell and the driver.
#
#	COUNT=6        times that every benchmark of an operation runs; workloads run a third as often, at least once
#	BENCH=.        regular expression of the benchmarks
#	WORKLOADS=...  that of the workloads, empty for none
#	SANITIZE=...   that of the tests which compute-sanitizer runs, empty for none
#
# Exit codes: 0 done, 1 something failed (the report says what), 77 no device.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-.}
count=${COUNT:-6}
bench=${BENCH:-^Benchmark(Softmax|MatMul|Mixture|LinComb|ErrorNorm|Axpby|RowDot|Reduce|CopyRows|Normal)$}
workloads=${WORKLOADS-^Benchmark(Sinkhorn|Certify|Flow|Jacobian)}
sanitize=${SANITIZE-TestEngine/(Softmax|MatMul|Mixture|LinComb|Reduce)/f32}

devices=$("$here/monge" engines --json | tr -d '\n' | sed 's/[{]/\n{/g' | grep -E '"name": *"(cuda|emu)' || true)
engine=$(printf '%s\n' "$devices" | grep -E '"available": *true' | head -1)
if [ -z "$engine" ]; then
	echo "gpu-report: no device: $(printf '%s\n' "$devices" | sed -n 's/.*"reason": *"\([^"]*\)".*/\1/p' | head -1)" >&2
	exit 77
fi
field() { printf '%s\n' "$engine" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
name=$(field name) device=$(field device)
mkdir -p "$dir"
out=$dir/gpu-$(printf %s "$device" | tr -cs 'A-Za-z0-9' -).txt
failed=0

section() { printf '\n== %s\n' "$*"; }
# try runs a command, and notes where it fails.
try() {
	"$@" 2>&1 || {
		echo "FAILED with $?: $*"
		failed=1
	}
}

report() {
	echo "monge on $device ($name)"
	echo "date: $(date -u +%Y-%m-%dT%H:%MZ)"
	echo "build: $("$here/monge" --version)"
	echo "machine: $(uname -srm), $(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
	if [ -r /proc/driver/nvidia/version ]; then head -1 /proc/driver/nvidia/version; fi
	if command -v nvidia-smi >/dev/null; then
		nvidia-smi --query-gpu=index,name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv || true
	fi
	"$here/monge" engines

	section conformance
	try "$here/gpu.test" -test.timeout 30m

	section compute-sanitizer
	if [ -z "$sanitize" ]; then
		echo "not asked for"
	elif command -v compute-sanitizer >/dev/null; then
		for tool in memcheck racecheck; do
			echo "$tool, $sanitize"
			try compute-sanitizer --tool $tool --error-exitcode 1 "$here/gpu.test" -test.run "$sanitize" -test.timeout 60m
		done
	else
		echo "not installed"
	fi

	section benchmarks
	try "$here/bench.test" -test.run '^$' -test.bench "$bench" -test.count "$count" -test.benchtime 200ms -test.timeout 0 -engines "$name"
	if [ -n "$workloads" ]; then
		try "$here/bench.test" -test.run '^$' -test.bench "$workloads" -test.count $(((count + 2) / 3)) -test.benchtime 1x -test.timeout 0 -engines "$name"
	fi
	return $failed
}

# The status of report passes by a file: a pipe would lose it.
status=$(mktemp)
trap 'rm -f "$status"' EXIT
{
	code=0
	report || code=$?
	echo $code >"$status"
} | tee "$out"
if command -v benchstat >/dev/null; then
	{
		printf '\n== benchstat\n'
		benchstat "$out"
	} >"$out.stat" && cat "$out.stat" | tee -a "$out"
	rm -f "$out.stat"
fi
echo "gpu-report: $out" >&2
exit "$(cat "$status")"
