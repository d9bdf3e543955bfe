# One word for each thing there is to do. CMake does the work: see CMakePresets.json.
.PHONY: all release dev test check fmt guests bench todo check-headers torture fuzz cover install clean

all: release

release dev:
	cmake --preset $@
	cmake --build --preset $@

test:
	scripts/test

check:
	scripts/check

fmt:
	find src include tests/unit tests/lib tests/guests/c fuzz -name '*.[ch]' \
	    -exec clang-format -i {} +

guests:
	scripts/guests

bench: release
	bench/run

todo:
	@grep -rnE 'TODO\(|FIXME' src include tests scripts cmake || echo 'nothing'

check-headers:
	scripts/check-headers

torture:
	scripts/torture

fuzz:
	scripts/fuzz-smoke

cover:
	scripts/cover

install: release
	cmake --install build/release $(if $(PREFIX),--prefix $(PREFIX))

clean:
	rm -rf build
