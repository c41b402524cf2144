# `make demo` and `make test` need nothing done before them: what is missing they install, once.
MAKEFLAGS += --no-print-directory
npm := npm --no-update-notifier

.PHONY: help setup setup-run setup-alert setup-test demo demo-alert test check build fuzz bench

help:
	@echo 'make demo        catch a real CPU spike on this machine and show it'
	@echo 'make demo-alert  the same from a metric: Prometheus, Alertmanager, webhook, capture'
	@echo 'make test        types, lint, layers, unit, integration and browser tests'
	@echo 'make build       dist/: the bundled program, and the UI'
	@echo 'make fuzz        damaged input for every parser, an hour each (FUZZ_SECONDS=60, PARSER=pprof)'
	@echo 'make bench       measure, and write bench/RESULTS.md'
	@echo 'make setup       only install what the others need'

setup: setup-test

setup-run: node_modules/.installed
	@sh scripts/setup.sh run

setup-alert: node_modules/.installed
	@sh scripts/setup.sh alert

setup-test: node_modules/.installed
	@sh scripts/setup.sh test

# npm ci begins by emptying node_modules, so the stamp inside cannot outlive what it stands for.
node_modules/.installed: package-lock.json
	$(npm) ci --no-audit --no-fund
	@touch $@

demo: setup-run dist/.built
	@$(npm) exec -- node demo/run.ts

demo-alert: setup-alert dist/.built
	@$(npm) exec -- node demo/alerts/run.ts

test: setup-test
	$(npm) run --silent types
	$(npm) run --silent lint
	@$(MAKE) dist/.built
	$(npm) test --silent

build: dist/.built

dist/.built: node_modules/.installed package.json scripts/build.ts $(shell find src -type f)
	$(npm) run --silent build
	@touch $@

fuzz: setup-test
	@$(npm) exec -- node test/fuzz/run.ts --seconds $${FUZZ_SECONDS:-3600} $${FUZZ_SEED:+--seed $$FUZZ_SEED} $(PARSER)

bench: setup-test dist/.built
	@$(npm) exec -- node scripts/bench.ts
