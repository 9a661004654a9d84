# make help lists the targets. Everything here works without a GPU.

GO      ?= go
COUNT   ?= 6
BENCH   ?= .
TAG     ?= cuda
PEERS   ?=

# What builds with the tags cuda and emu need: cgo and the header cuda.h, for gorgonia.org/cu too.
DEVICE = CGO_ENABLED=1 CGO_CFLAGS="$${CGO_CFLAGS:--O2 -g} -I$(CURDIR)/gpu/compat -I$(CURDIR)/build/toolkit/include"

.PHONY: help run suite test build build-cuda toolkit kernels audit roofline precision dist gpu-report test-emu test-cuda race lint bench bench-openblas bench-peers bench-peers-cuda growth clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## the main job: handwritten digits, encoder against optimal transport, on the CPU
	bin/monge compare --out build/digits --force

suite: build ## the experiments with known answers in small sizes, as build/suite/suite.txt and .png: a minute
	bin/monge suite --quick --out build/suite --force

test: ## all tests
	$(GO) test ./...

build: ## bin/monge
	$(GO) build -o bin/monge ./cmd/monge

build-cuda: kernels ## bin/monge-cuda: the same with the CUDA engine; it starts without a driver too
	$(DEVICE) $(GO) build -tags cuda -o bin/monge-cuda ./cmd/monge

toolkit: ## build/toolkit: the CUDA compiler and headers, from an installed nvcc or from wheels (pip, 225 MB)
	@sh kernels/toolkit.sh build/toolkit

kernels: toolkit ## build/kernels: the device code for sm_80, sm_90, sm_90a, sm_100, and PTX for drivers from 525 on
	@sh kernels/build.sh build/toolkit build/kernels && $(GO) run ./kernels/pack build/kernels

audit: kernels ## hold the kernels' machine code to kernels/audit.toml and, of the pinned compiler, to the bounds in kernels/README.md
	$(GO) run ./kernels/audit $$(test ! -d build/toolkit/wheels || echo -readme kernels/README.md) build/toolkit build/kernels

roofline: kernels ## write the bounds that the machine code gives into kernels/README.md
	$(GO) run ./kernels/audit -readme kernels/README.md -write build/toolkit build/kernels

precision: toolkit ## write the errors of the ways to a product into kernels/README.md, on the emulated device (needs g++)
	$(DEVICE) $(GO) test -tags emu -count 1 -run TestPrecision ./gpu -precision-table $(CURDIR)/kernels/README.md

dist: kernels ## build/monge-$(TAG).tar.gz: binary, tests, benchmarks for a machine with no more than a driver, gpu-report.sh runs them
	rm -rf build/dist && mkdir -p build/dist
	$(DEVICE) $(GO) build -tags $(TAG) -ldflags '-s -w' -o build/dist/monge ./cmd/monge
	for p in gpu bench; do \
		$(DEVICE) $(GO) test -c -tags $(TAG) -ldflags '-s -w' -o build/dist/$$p.test ./$$p || exit 1; done
	cp bench/gpu-report.sh build/dist/
	tar -C build -czf build/monge-$(TAG).tar.gz dist

gpu-report: dist ## conformance, compute-sanitizer and benchmarks on a CUDA device, into bench/results; fails where there is none
	build/dist/gpu-report.sh bench/results

test-emu: toolkit ## the device code and its engine on an emulated device (needs g++)
	$(DEVICE) $(GO) test -tags emu ./kernels/... ./gpu/... ./engine/auto
	$(DEVICE) $(GO) test -tags emu -run TestScript/device ./cmd/monge

test-cuda: kernels ## the engine on a CUDA device; skips, with the reason, where there is none
	$(DEVICE) $(GO) test -tags cuda ./kernels/... ./gpu/... ./engine/auto
	$(DEVICE) $(GO) test -tags cuda -run TestScript/device ./cmd/monge

# With -short tests leave out what starts no goroutines, or the same ones again; enginetest's own plain engine has one.
race: ## the engine's tests that share memory, under the race detector (needs a C compiler)
	$(GO) test -race -short -timeout 30m ./cpu/... $$($(GO) list ./engine/... | grep -v /enginetest$$)

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -d . ; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

bench: ## benchmarks of the workloads; BENCH=regexp COUNT=n, output for benchstat
	$(GO) test -run '^$$' -bench '$(BENCH)' -count $(COUNT) -timeout 0 ./bench/... ./cpu/... ./engine/...

bench-openblas: ## the same with OpenBLAS behind gonum (tag netlib; needs libopenblas-dev)
	CGO_LDFLAGS="$${CGO_LDFLAGS:--lopenblas}" $(GO) test -tags netlib -run '^$$' -bench '$(BENCH)' -count $(COUNT) -timeout 0 ./bench/... ./cpu/...

# The peers' libraries with exact versions; 6 GB, most of it what torch's build brings along.
build/peers/venv/.done: bench/peers/requirements.txt
	python3 -m venv build/peers/venv
	build/peers/venv/bin/pip install -q -r bench/peers/requirements.txt
	build/peers/venv/bin/pip install -q --no-deps --upgrade --target build/peers/lapx lapx==0.11.1
	touch $@

bench-peers: build/peers/venv/.done ## Python's libraries beside monge, in turn, as a table and a plot in build/peers: ten minutes; PEERS='--only NAME'
	$(GO) build -o build/peers/monge-peers ./bench/peers
	build/peers/venv/bin/python bench/peers/peers.py $(PEERS)

bench-peers-cuda: build/peers/venv/.done kernels ## the same on a CUDA device, with the libraries that want one
	build/peers/venv/bin/pip install -q -r bench/peers/requirements-cuda.txt
	$(DEVICE) $(GO) build -tags cuda -o build/peers/monge-peers ./bench/peers
	build/peers/venv/bin/python bench/peers/peers.py --device cuda $(PEERS)

growth: ## time against points, dimensions and problems, with the fitted order, as build/growth.md and .png: two minutes
	$(GO) run ./bench/growth -o build/growth

clean: ## remove what was built
	rm -rf bin build kernels/fatbin
