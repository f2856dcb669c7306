# One verb per line; every target does its own set-up. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUST   := $(shell command -v cargo 2>/dev/null)
CRATES := $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
STAMP  := $(VENV)/.stamps
OLDEST := $(VENV)-oldest
CLIENTS := $(VENV)-clients
PIPECAT := $(VENV)-pipecat
TOOLS  := $(VENV)-tools
DOCS   := $(VENV)-docs
# The pure distributions beside speechwire: each folder of python/ that has a pyproject.toml (scripts/distributions.py).
PURE   := $(patsubst python/%/pyproject.toml,%,$(sort $(wildcard python/*/pyproject.toml)))
SOURCES := pyproject.toml README.md LICENSE THIRD_PARTY_LICENSES.txt $(shell find python -name '*.py' -o -name '*.pyi' -o -name py.typed -o -name '*.toml' -o -name README.md -o -path '*/speechwire/server/*')
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
REQUIREMENTS := requirements/dev.lock
# uv, of the locked version, takes a tenth of pip's time. Then: the interpreter to install for, what to install.
INSTALL := $(BIN)/python -m uv pip install --quiet --python

ifeq ($(RUST),)
ENGINE := numpy
WHEEL  := wheel-pure
CORE   := dist/speechwire-*-py3-none-any.whl
else
ENGINE := native
WHEEL  := wheel
CORE   := dist/speechwire-*-cp311-abi3-*.whl
endif
EXTENSION := python/speechwire/_native.abi3
BUILT  := $(CORE) $(foreach name,$(PURE),dist/$(subst -,_,$(name))-*-py3-none-any.whl)

# A program that tests want is a package of Debian's: $(call PROGRAM,package,commands that it may be called by).
# Elsewhere, and without root, the tests say that they are skipped.
define PROGRAM
if for each in $(2); do command -v $$each && break; done >/dev/null; then :; \
elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing $(1) ..."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null \
		|| echo "$(1) could not be installed: the tests that want it are skipped."; \
else echo "$(1) is missing, and the tests that want it are skipped. On Debian: sudo apt-get install $(1)"; fi
endef

# Tests start a few hundred processes of Python, and each worker collects all tests. Where no bytecode may be written, as
# in many images of containers, each of them compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo serve check test test-all test-rust test-python test-oldest test-clients test-page test-cluster programs storm bench bench-streams bench-frameworks bench-server limits soak mutants reliability chaos stories lint types wheel wheel-pure wheel-portable sdist test-wheels test-wheels-quick test-alone audit workflows deployments docs docs-serve dev lock clean

help:            ## list the verbs
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

# Each framework has an environment of its own.
FRAMEWORK ?= videosdk
STAGE := $(VENV)$(if $(filter-out videosdk,$(FRAMEWORK)),-$(FRAMEWORK))
demo: $(STAGE)/.stamps/installed  ## hold a spoken conversation through a real framework (FRAMEWORK=livekit); writes a WAV and a picture
	@$(STAGE)/bin/python -m examples.conversation --framework $(FRAMEWORK) $(DEMO_ARGS)

serve: $(STAMP)/installed  ## serve telephone calls and browsers offline, with the demo's agent (SERVE_ARGS="--port 9000")
	$(BIN)/speechwire serve --emulator $(SERVE_ARGS)

# What changed since main: `make check BASE=HEAD~3` compares with another commit.
check: lint $(STAMP)/extension  ## lint, types and the tests of what changed since main, in a minute
	$(MYPY)
	$(BIN)/python -m scripts.check --base $(or $(BASE),main)

test: test-rust test-python  ## run cargo and pytest over both engines, but for the tests marked `slow`, which it names

test-all: CHOSEN :=
test-all: test  ## run everything: the same, the slow tests and the demo's conversation too; what CI runs

test-rust:       ## run the Rust tests (skipped, with a line saying so, where there is no Rust)
ifeq ($(RUST),)
	@echo "No Rust toolchain found: the Rust tests are skipped."
else
	cargo test --workspace --locked --quiet
endif

# $(call TESTS,interpreter,paths,choice): two processes for each core, since most of the time tests wait for sockets
# and other processes; the tests of a file stay together, the longest files first (tests/choosing.py). Then the tests
# marked `paced`, which depend on the pace of the machine: they mostly wait, and two files at once leave it idle. Of four
# at once one has failed. Last, where slow tests are chosen, those that are paced too, alone. PARALLEL= and PACED= run
# one process at a time.
PARALLEL ?= -n $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))') $(TOGETHER)
PACED ?= -n 2 $(TOGETHER)
TOGETHER := --dist loadfile --no-loadscope-reorder
NONE_IS_GOOD := || test $$? = 5
define TESTS
$(1) -m pytest $(2) -m "not paced $(3)" $(PARALLEL) $(PYTEST_ARGS)
$(1) -m pytest $(2) -m "paced and not slow" $(PACED) $(PYTEST_ARGS) $(NONE_IS_GOOD)
$(if $(3),,$(1) -m pytest $(2) -m "paced and slow" $(PYTEST_ARGS) $(NONE_IS_GOOD))
endef
# `make test-all`, or CHOSEN=, runs all of them.
CHOSEN ?= and not slow

test-python: export SPEECHWIRE_EXPECT_ENGINE = $(ENGINE)
test-python: $(STAMP)/installed  ## run pytest against the installed wheel, on all cores
	$(call TESTS,$(BIN)/python,,$(CHOSEN))

programs:        ## install the programs that tests want: chromium, haproxy, redis-server (by apt, where root may)
	@$(call PROGRAM,chromium,chromium chromium-browser)
	@$(call PROGRAM,haproxy,haproxy)
	@$(call PROGRAM,redis-server,redis-server valkey-server)

test-cluster: $(STAMP)/installed  ## four workers behind HAProxy, with Redis, under load while parts of it fail (installs both by apt where root may)
	@$(call PROGRAM,haproxy,haproxy)
	@$(call PROGRAM,redis-server,redis-server valkey-server)
	$(BIN)/python -m pytest tests/cluster --figures $(PYTEST_ARGS)

storm: $(STAMP)/installed  ## a hundred workers and one quota in virtual time; draws docs/images/storm.svg
	$(BIN)/python -m benches.python.storm

test-oldest: $(STAMP)/oldest  ## run the plugins' tests on the oldest framework of the stated range
	$(call TESTS,$(OLDEST)/bin/python,tests/plugin)

test-clients: $(CLIENTS)/.stamps/installed  ## drive other people's clients against the emulator (TABLE=1 renews the table)
	$(CLIENTS)/bin/python -m pytest tests/clients $(if $(TABLE),--write-table) $(PYTEST_ARGS)

test-page: $(STAMP)/installed  ## drive the server's page in Chromium; installs Debian's package where it may (PICTURES=1 renews docs/images/page-*.png)
	@$(call PROGRAM,chromium,chromium chromium-browser)
	$(BIN)/python -m pytest tests/server/page --figures $(PYTEST_ARGS)
	$(if $(PICTURES),$(BIN)/python -m tests.server.page.pictures)

bench: $(STAMP)/bench  ## compare the audio engine with its peers; writes benches/report and the pages
	OMP_NUM_THREADS=1 $(BIN)/python -m benches.python.audio.report
	$(BIN)/python scripts/docs_figures.py

bench-streams: $(STAMP)/bench $(CLIENTS)/.stamps/installed  ## a thousand live streams beside everyone else; writes benches/report/streams.md and the pages
	$(BIN)/python -m benches.python.streams --clients-python $(CLIENTS)/bin/python $(BENCH_ARGS)
	$(BIN)/python scripts/docs_figures.py

COMPARED := $(addprefix livekit_,v2 speechwire_v2 v1 speechwire_v1) $(addprefix pipecat_,v2 speechwire_v2 v1 speechwire_v1) \
	$(addprefix pipecat_,v2_pipeline speechwire_v2_pipeline v1_pipeline speechwire_v1_pipeline)
bench-frameworks: $(STAMP)/bench $(CLIENTS)/.stamps/installed  ## LiveKit's and Pipecat's own plugins beside ours; writes benches/report/frameworks.md and the pages
	$(BIN)/python -m benches.python.streams --clients-python $(CLIENTS)/bin/python --stem frameworks \
		--streams 50 200 --contenders $(COMPARED) $(BENCH_ARGS)
	$(BIN)/python scripts/docs_figures.py

bench-server: $(STAMP)/bench $(CLIENTS)/.stamps/installed  ## the server under calls, beside servers as others write them; writes benches/report/server.md and the pages
	$(BIN)/python -m benches.python.server --clients-python $(CLIENTS)/bin/python $(BENCH_ARGS)
	$(BIN)/python scripts/docs_figures.py

limits: $(STAMP)/bench  ## how many calls one worker and two carry, in six minutes; writes benches/report/limits.json and the pages
	$(BIN)/python -m benches.python.server.limits $(LIMITS_ARGS)
	$(BIN)/python scripts/docs_figures.py

soak: $(STAMP)/installed  ## live streams for half an hour while their connections are killed; writes benches/report/soak.md and the pages
	$(BIN)/python -m benches.python.soak $(SOAK_ARGS)
	$(BIN)/python scripts/docs_figures.py

mutants: $(STAMP)/environment  ## change lines at random, list what no test notices (MUTANTS_ARGS="--part emulator --count 20")
	$(BIN)/python -m scripts.mutants $(MUTANTS_ARGS)

reliability: $(STAMP)/installed  ## run the fault matrix and write docs/reliability.md from it
	SPEECHWIRE_RELIABILITY=docs/reliability.md $(BIN)/python -m pytest tests/transport/test_reliability.py

chaos: $(STAMP)/installed  ## play 100,000 random stories against a failing service and write docs/chaos.md (CHAOS_ARGS=--stories=1000)
	$(BIN)/python -m tests.model --write docs/chaos.md $(CHAOS_ARGS)

stories: $(STAMP)/installed  ## the first 20,000 of these stories; writes nothing (STORIES=1000)
	$(BIN)/python -m tests.model --stories $(or $(STORIES),20000)

lint: $(STAMP)/environment  ## ruff, rustfmt, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
ifneq ($(RUST),)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
endif

define MYPY
$(BIN)/mypy python/speechwire tests examples benches scripts
$(BIN)/mypy $(addprefix -p ,$(shell $(PYTHON) -m scripts.distributions packages))
endef

types: $(STAMP)/installed  ## mypy --strict, and the extension's stub against the extension
	$(MYPY)
	$(BIN)/python tests/golden/regenerate.py --check
ifneq ($(RUST),)
	$(BIN)/python -m mypy.stubtest speechwire._native
endif

# No path of the building machine goes into the extension: panic messages name the files of the sources.
wheel wheel-portable: export RUSTFLAGS := --remap-path-prefix=$(CRATES)=crates --remap-path-prefix=$(CURDIR)=.
# The same commit built twice in one place gives the same bytes.
wheel wheel-portable wheel-pure sdist: export SOURCE_DATE_EPOCH := $(or $(shell git log -1 --format=%ct 2>/dev/null),$(shell date +%s))

wheel: $(STAMP)/environment  ## build the cp311-abi3 wheel (for a libc as new as this machine's) and the plugins' into dist/
	$(BIN)/maturin build --release --locked --out dist
	$(BIN)/python -m scripts.build_pure --out dist $(PURE)

wheel-portable: $(STAMP)/environment $(TOOLS)/.stamps/installed  ## build a manylinux2014 wheel into dist/portable/ with zig (TARGET=... crosses)
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(BIN)/maturin build --release --locked --zig \
		$(addprefix --target ,$(TARGET)) --out dist/portable
	$(BIN)/python -m scripts.build_pure --out dist/portable $(PURE)

wheel-pure: $(STAMP)/environment  ## build the py3-none-any wheels (numpy engine, no Rust needed) into dist/
	$(BIN)/python -m scripts.build_pure --out dist

sdist: $(STAMP)/environment  ## build the sdists into dist/
	$(BIN)/maturin sdist --out dist
	$(BIN)/python -m scripts.build_pure --out dist --sdist $(PURE)

test-alone: wheel wheel-pure sdist  ## install each wheel alone into an empty environment, replace and uninstall it with pip
	SPEECHWIRE_DIST=dist $(BIN)/python -m pytest -o faulthandler_timeout=900 tests/packaging $(PYTEST_ARGS)

test-wheels: test-alone  ## the same, and run the tests against each artefact on each Python found (WHEELS_ARGS=--quick)
	$(BIN)/python -m scripts.wheel_matrix $(WHEELS_ARGS)

# The native wheel, the pure one and the sdist on this Python, each with the tests of the scope `quick`, all at once.
test-wheels-quick: wheel wheel-pure sdist  ## install each artefact into a clean environment and run a part of the suite there
	$(BIN)/python -m scripts.wheel_matrix --scope quick --python $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
		--artefact native --artefact pure --artefact sdist --jobs 3

audit: $(TOOLS)/.stamps/installed  ## check licences, sources, known vulnerabilities (AUDIT_ARGS=--strict)
	$(TOOLS)/bin/python scripts/audit.py $(AUDIT_ARGS)

workflows: $(TOOLS)/.stamps/installed  ## lint .github: zizmor, the schemas, and actionlint where it is installed
	$(TOOLS)/bin/zizmor --offline --no-progress --persona pedantic .github
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@if command -v actionlint >/dev/null; then actionlint; else echo "actionlint is not installed: not run"; fi

deployments: $(TOOLS)/.stamps/installed  ## check deploy/: the schemas of Compose and Kubernetes, and HAProxy's own check
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(TOOLS)/bin/kubernetes-validate --quiet deploy/kubernetes/*.yaml
	@if command -v haproxy >/dev/null; then haproxy -q -c -f deploy/haproxy.cfg; else echo "haproxy is not installed: its configuration is not checked"; fi

docs: $(DOCS)/.stamps/environment  ## build the documentation into site/; every warning is an error
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

docs-serve: $(DOCS)/.stamps/environment  ## show the documentation on loopback while it is being written
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs serve

dev: $(STAMP)/environment  ## install the tree itself (editable) for working on it
	$(BIN)/maturin develop --release --locked
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e python/,$(PURE))

# The plugin requires speechwire of this version, which dist/ has, and the index only when it is published.
lock: OURS := --find-links dist --no-emit-package speechwire pyproject.toml python/videosdk-plugins-deepgram/pyproject.toml
lock: wheel-pure ## renew requirements/*.lock and Cargo.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --extra test --extra lint --extra demo $(OURS) requirements/build.in -o $(REQUIREMENTS)
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header -c $(REQUIREMENTS) --extra bench $(OURS) -o requirements/bench.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header requirements/clients.in -o requirements/clients.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header requirements/pipecat.in -o requirements/pipecat.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header requirements/docs.in -o requirements/docs.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header requirements/livekit.in -o requirements/livekit.lock
	cargo update --workspace

clean:           ## remove what the targets made
	rm -rf $(VENV) $(OLDEST) $(CLIENTS) $(TOOLS) $(DOCS) $(LIVEKIT) $(LIVEKIT)-oldest $(PIPECAT) $(PIPECAT)-newest site dist build target demo-output

$(STAMP)/environment: $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the tests and the demo need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(shell grep ^uv== $(REQUIREMENTS))
	@$(INSTALL) $(BIN)/python -r $(REQUIREMENTS)
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/installed: $(STAMP)/environment $(SOURCES) $(RUST_SOURCES)
ifeq ($(RUST),)
	@echo "No Rust toolchain found: building the pure wheel; audio runs on the numpy engine."
endif
	@rm -f $(BUILT)
	@$(MAKE) --no-print-directory $(WHEEL)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILT)
	@touch $@

# The extension beside the sources, for tests of the tree as it is. It is renamed into its place: a copy over the file
# would change it under the processes that have loaded it, and they would crash at their next call.
$(STAMP)/extension: $(STAMP)/environment $(RUST_SOURCES)
ifneq ($(RUST),)
	cargo build --release --locked --quiet --package speechwire-py
	cp $(or $(CARGO_TARGET_DIR),target)/release/lib_native.$(if $(filter Darwin,$(shell uname)),dylib,so) $(EXTENSION).new.so
	mv -f $(EXTENSION).new.so $(EXTENSION).so
endif
	@touch $@

$(STAMP)/oldest: $(STAMP)/installed
	@test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	@echo "Installing the oldest framework of the range into $(OLDEST) ..."
	@$(INSTALL) $(OLDEST)/bin/python -r $(REQUIREMENTS)
	@$(INSTALL) $(OLDEST)/bin/python "videosdk-agents==1.0.29"
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILT)
	@touch $@

$(TOOLS)/.stamps/installed: requirements/tools.txt
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@echo "Installing the tools for audits, workflows and portable wheels into $(TOOLS) ..."
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/tools.txt
	@mkdir -p $(@D) && touch $@

$(STAMP)/bench: $(STAMP)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.lock
	@touch $@

$(CLIENTS)/.stamps/environment: requirements/clients.lock | $(STAMP)/environment
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@echo "Installing other people's clients into $(CLIENTS) ..."
	@$(INSTALL) $(CLIENTS)/bin/python -r requirements/clients.lock
	@mkdir -p $(@D) && touch $@

$(DOCS)/.stamps/environment: requirements/docs.lock
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@echo "Installing what the documentation needs into $(DOCS) ..."
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/docs.lock
	@mkdir -p $(@D) && touch $@

$(CLIENTS)/.stamps/installed: $(CLIENTS)/.stamps/environment $(STAMP)/installed
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(CORE) $(LIVEKIT_WHEEL) $(PIPECAT_WHEEL)
	@touch $@

# LiveKit Agents: the newest and the oldest version of the range that python/livekit-plugins-speechwire states.
LIVEKIT := $(VENV)-livekit
LIVEKIT_OLDEST := 1.8.0
LIVEKIT_WHEEL := dist/livekit_plugins_speechwire-*-py3-none-any.whl

.PHONY: test-livekit
test-livekit: $(LIVEKIT)/.stamps/installed $(LIVEKIT)-oldest/.stamps/installed  ## run the LiveKit plugin in the newest and the oldest framework (TABLE=1 renews docs/livekit-faults.md)
	$(LIVEKIT)/bin/python -m pytest tests/livekit $(if $(TABLE),--write-faults) $(PYTEST_ARGS)
	$(LIVEKIT)-oldest/bin/python -m pytest tests/livekit --ignore tests/livekit/test_faults.py $(PYTEST_ARGS)

$(LIVEKIT)/.stamps/environment $(LIVEKIT)-oldest/.stamps/environment: %/.stamps/environment: requirements/livekit.lock | $(STAMP)/environment
	@test -x $*/bin/python || $(PYTHON) -m venv $*
	@echo "Installing LiveKit Agents into $* ..."
	@$(INSTALL) $*/bin/python -r requirements/livekit.lock
	@mkdir -p $(@D) && touch $@

$(LIVEKIT)-oldest/.stamps/oldest: $(LIVEKIT)-oldest/.stamps/environment
	@$(INSTALL) $(LIVEKIT)-oldest/bin/python \
		"livekit-agents==$(LIVEKIT_OLDEST)" "livekit-plugins-deepgram==$(LIVEKIT_OLDEST)"
	@touch $@

$(LIVEKIT)-oldest/.stamps/installed: $(LIVEKIT)-oldest/.stamps/oldest
$(LIVEKIT)/.stamps/installed: $(LIVEKIT)/.stamps/environment
$(LIVEKIT)/.stamps/installed $(LIVEKIT)-oldest/.stamps/installed: %/.stamps/installed: $(STAMP)/installed
	@$*/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(CORE) $(LIVEKIT_WHEEL)
	@touch $@

# Pipecat: the services in its pipelines, on the oldest and the newest version of the range that they state.
PIPECAT_WHEEL := dist/pipecat_speechwire-*-py3-none-any.whl
PIPECAT_RANGE := pipecat-ai[deepgram]>=1.13,<1.15

.PHONY: test-pipecat
test-pipecat: $(PIPECAT)/.stamps/installed $(PIPECAT)-newest/.stamps/installed  ## run the services in Pipecat's own pipelines (FAULTS=docs/pipecat-faults.md renews the page)
	$(PIPECAT)/bin/python -m pytest tests/pipecat $(PYTEST_ARGS)
	SPEECHWIRE_PIPECAT_FAULTS=$(FAULTS) $(PIPECAT)-newest/bin/python -m pytest tests/pipecat $(PYTEST_ARGS)

$(PIPECAT)/.stamps/environment: requirements/pipecat.lock | $(STAMP)/environment
	@test -x $(PIPECAT)/bin/python || $(PYTHON) -m venv $(PIPECAT)
	@echo "Installing the oldest Pipecat of the range into $(PIPECAT) ..."
	@$(INSTALL) $(PIPECAT)/bin/python -r requirements/pipecat.lock
	@mkdir -p $(@D) && touch $@

$(PIPECAT)-newest/.stamps/environment: requirements/pipecat.lock | $(STAMP)/environment
	@test -x $(PIPECAT)-newest/bin/python || $(PYTHON) -m venv $(PIPECAT)-newest
	@echo "Installing the newest Pipecat of the range into $(PIPECAT)-newest ..."
	@$(INSTALL) $(PIPECAT)-newest/bin/python -r requirements/pipecat.lock
	@$(INSTALL) $(PIPECAT)-newest/bin/python --upgrade-package pipecat-ai "$(PIPECAT_RANGE)"
	@mkdir -p $(@D) && touch $@

$(PIPECAT)/.stamps/installed $(PIPECAT)-newest/.stamps/installed: %/.stamps/installed: %/.stamps/environment $(STAMP)/installed
	@$*/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(CORE) $(PIPECAT_WHEEL)
	@touch $@
