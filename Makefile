# Everything a person does with this repository. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check native bench bench-begin bench-live bench-store bench-recording bench-wire bench-growth bench-fresh bench-model bench-targets e2e test-compose fmt console clients clean

NODE := $(shell command -v node 2>/dev/null)
CONSOLE_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
CONSOLE_STAMP := target/stamps/console
FRONTEND_STAMP := frontend/node_modules/.installed

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: console ## Build everything and serve a live swarm at http://localhost:5000 (ARGS="--seed 7" goes to `hmrs serve`)
	cargo run --release --locked -- serve $(ARGS)

test: ## Run every test and print one sum (ONLY="clients faults" picks suites, VERBOSE=1 shows their output)
	@node scripts/suites.mjs $(ONLY)

check: ## Format, lints, types and layers: the quick half of `make test`
	@node scripts/suites.mjs format licences console-check lints architecture

e2e: ## The server under official clients, faults and a real browser, at full length (half an hour)
	@HMRS_E2E=full node scripts/suites.mjs console-build build echo clients python determinism faults edge database browser

native: ## Compare state hashes of a baseline x86-64 build with one for this very processor
	@scripts/native.sh

bench-store: ## Figures: rows a second into PostgreSQL and SQLite, against psql's copy and single inserts (QUICK=1: prints only)
	cargo bench --locked --bench store -- --json target/bench/store.json $(if $(QUICK),,--into docs/BENCHMARKS.md)

bench-recording: ## Figures: what recording costs the tick, three minutes; writes docs/BENCHMARKS.md (QUICK=1: prints only)
	cargo build --release --locked --bin hmrs
	@node bench/recording.mjs

bench: bench-begin bench-live bench-model bench-store bench-recording bench-wire bench-growth bench-fresh bench-targets ## Every figure, and which aims they reach, an hour and a quarter on a machine at rest (QUICK=1: prints only)

bench-begin: # what an earlier run left is no figure of this one
	@rm -f target/bench/*.json

bench-targets: ## What we aim at beside what the parts of `make bench` left in target/bench; writes docs/BENCHMARKS.md
	@node bench/targets.mjs

bench-live: ## Figures: 1,000 live drones with 10 clients; frames per second of the console without a GPU
	@node scripts/suites.mjs console-build build bench-live bench-console

bench-wire: ## Our Socket.IO server beside others, a quarter of an hour; writes docs/BENCHMARKS.md (QUICK=1: prints only; PARTS="idle slow" chooses)
	@node bench/wire.mjs

bench-growth: ## How cost grows with clients and drones, 25 minutes; writes docs/BENCHMARKS.md (QUICK=1: prints only; PARTS=drones chooses)
	@node bench/growth.mjs

bench-fresh: ## HTTP polling against Socket.IO, six minutes: bytes, and the age of what clients know; writes docs/BENCHMARKS.md
	@node bench/fresh.mjs

test-compose: ## The containers on a Docker engine: built, flown, killed, inspected
	@node scripts/suites.mjs e2e-install compose

bench-model: target/bench-model/venv/.installed ## Drone updates a second beside Mesa and krABMaga, into docs/BENCHMARKS.md
	cargo build --release --locked --bin hmrs
	cargo build --release --locked --manifest-path bench/model/krabmaga/Cargo.toml --target-dir target/bench-model/krabmaga
	python3 bench/model/run.py $(if $(QUICK),--rounds 1 --print)

fmt: ## Format the Rust sources
	cargo fmt
	rustfmt --edition 2024 src/sim/behaviour/*.rs
	cargo fmt --manifest-path bench/load/Cargo.toml
	cargo fmt --manifest-path bench/peers/socketioxide/Cargo.toml

console: ## Build the operator console into frontend/dist (needs Node 20)
ifdef NODE
	@$(MAKE) --no-print-directory $(CONSOLE_STAMP)
else
	@echo "Node is not installed: the console is not built, the server will show its small page from /lite/ instead."
endif

clients: e2e/node_modules/.installed target/e2e/venv/.installed # the official clients that the end-to-end tests use

clean: ## Remove what was built
	rm -rf target frontend/dist frontend/node_modules e2e/node_modules

$(FRONTEND_STAMP): frontend/package-lock.json
	cd frontend && npm ci --no-audit --no-fund
	@touch $@

e2e/node_modules/.installed: e2e/package-lock.json
	cd e2e && npm ci --no-audit --no-fund
	@touch $@

target/bench-model/venv/.installed: bench/model/requirements.txt
	rm -rf $(@D) && python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

target/e2e/venv/.installed: e2e/requirements.txt
	rm -rf $(@D) && python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(CONSOLE_STAMP): $(FRONTEND_STAMP) $(CONSOLE_SOURCES)
	cd frontend && npm run build
	@# Cargo does not look again for files that were not there when it compiled the server.
	@touch src/http/assets.rs
	@mkdir -p $(@D) && touch $@
