# Everything a contributor types. `make run` and `make test` work in a fresh clone.

# One compiler for each core, but no more than memory allows (about 1.5 GB each).
JOBS ?= $(shell awk -v n=$$(nproc) '/MemAvailable/ { m = int($$2 / 1500000); print m < 1 ? 1 : m < n ? m : n }' /proc/meminfo)
export JOBS

SOURCES = $(shell git ls-files '*.cc' '*.h')
ROOM_TESTS = $(if $(ROOMS),-R '^($(subst $(space),|,$(strip $(ROOMS))))/')
CTEST = ctest --output-on-failure -j$(JOBS)
space := $(subst ,, )
export ASAN_OPTIONS ?= detect_stack_use_after_return=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/scripts/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/scripts/tsan.supp:second_deadlock_stack=1
# The thread sanitizer of g++ 12 does not start where addresses are randomised by more than 28 bits.
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: help run build test bench bench-long format lint asan tsan fuzz soak clean

help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t12

run: ## Build, then start a server on PORT (8080) with its data in DATA (data/), and the demo
	@scripts/bootstrap.sh run
	@$(MAKE) --no-print-directory build
	@scripts/run.sh

build: ## Build the program, the unit tests and the benchmarks into build/
	@scripts/bootstrap.sh build
	@[ -e build/build.ninja ] || cmake -G Ninja -B build
	@cmake --build build -j $(JOBS)

test: ## Build, and run every test
	@scripts/test.sh

bench: build ## Build, and run the benchmarks
	@scripts/bootstrap.sh test
	@bench/report.py

bench-long: build ## The same, with those that take minutes
	@scripts/bootstrap.sh test
	@bench/report.py --long

format: ## Format every C++ file in place
	@scripts/bootstrap.sh dev
	@clang-format -i $(SOURCES)

lint: build ## Run clang-tidy over src/, or over the files named in FILES
	@scripts/bootstrap.sh dev
	@scripts/lint.sh $(FILES)

asan: ## Unit tests under the address and undefined behaviour sanitizers, in build-asan/; ROOMS limits them
	@scripts/bootstrap.sh build
	@[ -e build-asan/build.ninja ] || cmake -G Ninja -B build-asan -DRIVULET_SANITIZE=address
	@cmake --build build-asan -j $(JOBS) $(if $(ROOMS),--target $(ROOMS:%=%_test))
	@$(CTEST) --test-dir build-asan $(ROOM_TESTS) $(CTEST_ARGUMENTS)

tsan: ## Unit tests under the thread sanitizer, in build-tsan/; ROOMS limits them
	@scripts/bootstrap.sh build
	@[ -e build-tsan/build.ninja ] || cmake -G Ninja -B build-tsan -DRIVULET_SANITIZE=thread
	@cmake --build build-tsan -j $(JOBS) $(if $(ROOMS),--target $(ROOMS:%=%_test))
	@$(FIXED_ADDRESSES) $(CTEST) --test-dir build-tsan $(ROOM_TESTS) $(CTEST_ARGUMENTS)

fuzz: ## Fuzz each target for SECONDS_EACH (60), in build-fuzz/; TARGETS limits them
	@scripts/bootstrap.sh fuzz
	@[ -e build-fuzz/build.ninja ] || cmake -G Ninja -B build-fuzz -DRIVULET_SANITIZE=fuzzer \
	  -DCMAKE_CXX_COMPILER=clang++
	@cmake --build build-fuzz -j $(JOBS) --target $(if $(TARGETS),$(TARGETS:%=%_fuzzer),fuzzers)
	@tests/fuzz/run.sh $(TARGETS)

soak: build ## Kill the server RIVULET_CRASH_KILLS (500) and RIVULET_KAFKA_KILLS (500) times, and break the disk in RIVULET_FAULT_SEEDS (100) histories
	@scripts/bootstrap.sh test
	@RIVULET_FAULT_SEEDS=$${RIVULET_FAULT_SEEDS:-100} build/src/store/store_test --gtest_filter='Seeds/*' --gtest_brief=1
	@RIVULET_CRASH_KILLS=$${RIVULET_CRASH_KILLS:-500} tests/suites/50-crash.sh
	@RIVULET_KAFKA_KILLS=$${RIVULET_KAFKA_KILLS:-500} tests/suites/55-kafka.sh kills

clean: ## Remove what was built; data and downloads stay
	rm -rf build build-asan build-tsan build-fuzz
