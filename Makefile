# The two commands: `make run` builds Callplane and starts it with its engine; `make test` installs what the tests need
# and passes them. Rust is the one prerequisite beside make.

BINARY := target/release/callplane
# What the suites test: the same code with overflow checks and debug assertions, as `cargo test` has built it already.
# `make test-service TESTED=target/release/callplane` tests what is shipped.
TESTED := target/debug/callplane
PYTHON := target/test-venv/bin/python
BUF := target/test-tools/node_modules/.bin/buf

# Where `make run` takes calls: from this host alone, unless told otherwise, as by `make run LISTEN=0.0.0.0`. An IPv4 address.
LISTEN := 127.0.0.1

.PHONY: run build test test-rust test-sipp test-service test-compose bench lint tools clean
.PHONY: test-hostile test-hostile-short test-model test-model-short

run: build
	$(BINARY) serve --with-engine --set media.bind_ipv4=$(LISTEN) \
	  --set 'signaling.listeners=[{transport="udp",bind="$(LISTEN):5060"},{transport="tcp",bind="$(LISTEN):5060"}]'

build: prerequisites
	cargo build --release --bin callplane

# A C compiler is all that the build needs beside Rust.
.PHONY: prerequisites
prerequisites:
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "installing a C compiler"; \
	  $$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends build-essential >/dev/null'; }

tools:
	scripts/install-test-tools.sh

test: tools test-rust test-sipp test-service test-hostile-short test-model-short

test-rust:
	cargo test --quiet

target/debug/callplane: prerequisites
	cargo test --no-run --quiet --test process
target/release/callplane: build

test-sipp: tools $(TESTED)
	CALLPLANE=$(CURDIR)/$(TESTED) sipp_scenarios/run_tests.sh

test-service: tools $(TESTED)
	cd tests/service && CALLPLANE=$(CURDIR)/$(TESTED) python3 -B -m unittest -v

# Attacks, floods, freezes and deaths, with calls beside them; about ten minutes, and a table in target/hostile.md.
test-hostile: tools build
	CALLPLANE=$(CURDIR)/$(BINARY) $(PYTHON) -B tests/hostile

test-hostile-short: tools $(TESTED)
	CALLPLANE=$(CURDIR)/$(TESTED) $(PYTHON) -B tests/hostile --short

# Random engines and peers against a model of the API; about ten minutes. SEED=n runs one seed again.
test-model: tools build
	CALLPLANE=$(CURDIR)/$(BINARY) $(PYTHON) -B tests/model

test-model-short: tools $(TESTED)
	CALLPLANE=$(CURDIR)/$(TESTED) $(PYTHON) -B tests/model --short

# Needs Docker with compose. The image takes the binary that is built here.
test-compose: tools $(TESTED)
	CALLPLANE_BINARY=$(TESTED) scripts/test-compose.sh

bench: tools build
	python3 -B bench/run.py

lint: tools
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
	$(BUF) lint

clean:
	cargo clean
