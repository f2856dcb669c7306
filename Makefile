# One verb per line; every target does its own set-up. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUST   := $(shell command -v cargo 2>/dev/null)
STAMP  := $(VENV)/.stamps
OLDEST := $(VENV)-oldest
CLIENTS := $(VENV)-clients
SOURCES := pyproject.toml README.md LICENSE $(shell find python -name '*.py' -o -name '*.pyi' -o -name py.typed)
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
REQUIREMENTS := requirements/dev.lock

ifeq ($(RUST),)
ENGINE := numpy
WHEEL  := wheel-pure
BUILT  := dist/videosdk_plugins_deepgram-*-py3-none-any.whl
else
ENGINE := native
WHEEL  := wheel
BUILT  := dist/videosdk_plugins_deepgram-*-cp311-abi3-*.whl
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python test-oldest test-clients bench reliability lint types wheel wheel-pure dev lock clean

help:            ## list the verbs
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(STAMP)/installed  ## hold a spoken conversation through the real framework; writes a WAV and a picture
	@$(BIN)/python -m examples.conversation $(DEMO_ARGS)

test: test-rust test-python  ## run everything: cargo, pytest over both engines, the demo's conversation

test-rust:       ## run the Rust tests (skipped, with a line saying so, where there is no Rust)
ifeq ($(RUST),)
	@echo "No Rust toolchain found: the Rust tests are skipped."
else
	cargo test --workspace --locked --quiet
endif

test-python: $(STAMP)/installed  ## run pytest against the installed wheel
	SPEECHWIRE_EXPECT_ENGINE=$(ENGINE) $(BIN)/python -m pytest $(PYTEST_ARGS)

test-oldest: $(STAMP)/oldest  ## run the plugins' tests on the oldest framework of the stated range
	$(OLDEST)/bin/python -m pytest tests/plugin $(PYTEST_ARGS)

test-clients: $(CLIENTS)/.stamps/installed  ## drive other people's clients against the emulator (TABLE=1 renews the table)
	$(CLIENTS)/bin/python -m pytest tests/clients $(if $(TABLE),--write-table) $(PYTEST_ARGS)

bench: $(STAMP)/bench  ## compare the audio engine with its peers; writes benches/report
	OMP_NUM_THREADS=1 $(BIN)/python -m benches.python.audio.report

reliability: $(STAMP)/installed  ## run the fault matrix and write docs/reliability.md from it
	SPEECHWIRE_RELIABILITY=docs/reliability.md $(BIN)/python -m pytest tests/transport/test_reliability.py

lint: $(STAMP)/environment  ## ruff, rustfmt, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
ifneq ($(RUST),)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
endif

types: $(STAMP)/installed  ## mypy --strict, and the extension's stub against the extension
	$(BIN)/mypy python/speechwire tests examples benches scripts
	$(BIN)/mypy -p videosdk.plugins.deepgram
	$(BIN)/python tests/golden/regenerate.py --check
ifneq ($(RUST),)
	$(BIN)/python -m mypy.stubtest speechwire._native
endif

wheel: $(STAMP)/environment  ## build the cp311-abi3 wheel into dist/
	$(BIN)/maturin build --release --locked --out dist

wheel-pure: $(STAMP)/environment  ## build the py3-none-any wheel (numpy engine, no Rust needed) into dist/
	$(BIN)/python scripts/build_pure_wheel.py --out dist

dev: $(STAMP)/environment  ## install the tree itself (editable) for working on it
	$(BIN)/maturin develop --release --locked

lock:            ## renew requirements/*.lock and Cargo.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --extra test --extra lint --extra demo pyproject.toml requirements/build.in -o $(REQUIREMENTS)
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header -c $(REQUIREMENTS) --extra bench pyproject.toml -o requirements/bench.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header requirements/clients.in -o requirements/clients.lock
	cargo update --workspace

clean:           ## remove what the targets made
	rm -rf $(VENV) $(OLDEST) $(CLIENTS) dist build target demo-output

$(STAMP)/environment: $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the tests and the demo need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/installed: $(STAMP)/environment $(SOURCES) $(RUST_SOURCES)
ifeq ($(RUST),)
	@echo "No Rust toolchain found: building the pure wheel; audio runs on the numpy engine."
endif
	@rm -f $(BUILT)
	@$(MAKE) --no-print-directory $(WHEEL)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILT)
	@touch $@

$(STAMP)/oldest: $(STAMP)/installed
	@test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	@echo "Installing the oldest framework of the range into $(OLDEST) ..."
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check "videosdk-agents==1.0.29"
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILT)
	@touch $@

$(STAMP)/bench: $(STAMP)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.lock
	@touch $@

$(CLIENTS)/.stamps/environment: requirements/clients.lock
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@echo "Installing other people's clients into $(CLIENTS) ..."
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/clients.lock
	@mkdir -p $(@D) && touch $@

$(CLIENTS)/.stamps/installed: $(CLIENTS)/.stamps/environment $(STAMP)/installed
	@$(CLIENTS)/bin/python tests/clients/install.py $(BUILT)
	@touch $@
