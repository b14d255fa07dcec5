# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The front door. `make demo` and `make test` do everything on a fresh Debian 12 machine.

JOBS ?= $(shell nproc)
CTEST = ctest --test-dir build --output-on-failure -j $(JOBS)
LLVM_BIN = /usr/lib/llvm-22/bin

.PHONY: help setup build demo test test-slow bench throughput asan format tidy clean

help:
	@echo "make demo       build everything, tune a small model's kernels, let it write a story"
	@echo "make test       build and run all tests but the slow ones"
	@echo "make test-slow  build and run the slow ones"
	@echo "make bench      our kernels beside oneDNN and PyTorch; ARGS='--suite linear --format json'"
	@echo "make throughput Zebra, MambaInLlama and Llama side by side, by the protocol of the papers"
	@echo "make build      binaries in build/bin"
	@echo "make asan       all but the slow tests under address and undefined behaviour sanitizers"
	@echo "make setup      install what is missing of scripts/packages.txt"
	@echo "make format     format every source file;  make tidy: run clang-tidy;  make clean: remove build"

setup:
	@scripts/setup.sh build

build: setup
	@cmake --preset release
	@cmake --build build -j $(JOBS)

demo: setup
	@cmake --preset release
	@cmake --build build -j $(JOBS) --target zorse
	@scripts/demo.sh

test: build
	@$(CTEST) -LE slow

test-slow: build
	@scripts/setup.sh slow
	@$(CTEST) -L slow

bench: setup
	@scripts/setup.sh bench
	@cmake --preset release -DZORSE_BUILD_BENCH=ON
	@cmake --build build -j $(JOBS) --target zorse-bench
	@build/bin/zorse-bench $(ARGS)

throughput: setup
	@cmake --preset release
	@cmake --build build -j $(JOBS) --target zorse
	@bench/throughput/throughput.sh build/bin/zorse build/throughput $(ARGS)

asan: setup
	@cmake --preset asan
	@cmake --build build-asan -j $(JOBS)
	@ctest --test-dir build-asan --output-on-failure -j $(JOBS) -LE slow

format:
	@scripts/setup.sh develop
	@git ls-files '*.h' '*.cpp' | xargs $(LLVM_BIN)/clang-format -i

tidy: build
	@scripts/setup.sh develop
	@git ls-files '*.cpp' | xargs -P $(JOBS) -n 4 $(LLVM_BIN)/clang-tidy -p build --quiet

clean:
	@rm -rf build build-asan build-dev
