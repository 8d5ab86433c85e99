# Everything a contributor types. `make run` and `make test` work in a fresh clone.

JOBS ?= $(shell nproc)
GENERATE := cmake -G Ninja

.PHONY: build
build: build/build.ninja
	ninja -C build -j$(JOBS)

build/build.ninja:
	scripts/bootstrap.sh build
	$(GENERATE) -B build
