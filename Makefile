# One command for each daily act. `make help` lists them.
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/node_modules/.bin:$(PATH)
JOBS ?= $(shell nproc)
DATA ?= ./data
LISTEN ?= 127.0.0.1:9090

.DEFAULT_GOAL := help
.PHONY: help deps build run test unit e2e browser asan tsan fuzz bench format lint clean

help: ## What there is to do
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

deps:
	@scripts/install-deps

build: deps ## Build build/sextant in release mode
	@[ -f build/build.ninja ] || cmake --preset release -Wno-dev >/dev/null
	@cmake --build build --target sextant -j $(JOBS)

run: build ## Build, and watch this machine on http://127.0.0.1:9090 (DATA=dir LISTEN=addr:port)
	@exec build/sextant --data $(DATA) --listen $(LISTEN)

test: ## Build and run everything that proves the project
	@scripts/install-deps test
	@[ -f build/build.ninja ] || cmake --preset release -Wno-dev >/dev/null
	@cmake --build build -j $(JOBS)
	@ctest --test-dir build --output-on-failure --no-tests=error -j $(JOBS)

unit: deps ## Unit and conformance tests only
	@[ -f build/build.ninja ] || cmake --preset release -Wno-dev >/dev/null
	@cmake --build build -j $(JOBS)
	@ctest --test-dir build --output-on-failure --no-tests=error -L unit -j $(JOBS)

e2e: build ## Black-box tests of the real binary
	@ctest --test-dir build --output-on-failure --no-tests=error -L e2e

browser: build ## Browser tests of the real binary
	@scripts/install-deps test
	@ctest --test-dir build --output-on-failure --no-tests=error -L browser

asan tsan: deps ## Unit tests under address+undefined or thread sanitizer
	@cmake --preset $@ -Wno-dev >/dev/null
	@cmake --build --preset $@ -j $(JOBS)
	@ctest --test-dir build/$@ --output-on-failure --no-tests=error -L 'unit|fuzz' -j $(JOBS)

fuzz: deps ## Run each libFuzzer target for FUZZ_SECONDS (default 60); needs clang-19 and libclang-rt-19-dev
	@cmake --preset fuzz -Wno-dev >/dev/null
	@scripts/fuzz $${FUZZ_SECONDS:-60}

bench: build ## Measure against the peers (bench/README.md)
	@bench/run

format: ## Format the C++ sources with clang-format-19
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

lint: build ## clang-tidy-19 over the C++ sources
	@git ls-files 'src/*.cc' | xargs -P $(JOBS) -n 4 clang-tidy-19 -p build --quiet

clean: ## Remove the build folder
	@rm -rf build ui/dist
