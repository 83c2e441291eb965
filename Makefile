# Sidegate. `make help` lists what there is.

GO       ?= go
BUF      := $(GO) tool -modfile=tools/buf/go.mod buf
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/sidegate/sidegate/internal/cli.Version=$(VERSION)
MODULES  := . integrations/zitadel tools/openapi e2e/openapi
# What is linted besides what is tested: tests that need more than Go.
LINTED   := $(MODULES) e2e/keycloak
FUZZTIME ?= 20s
export GOTOOLCHAIN = local

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/sidegate.
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/sidegate ./cmd/sidegate

.PHONY: run
run: build demo-binary ## Start Sidegate and an OpenID provider, play the story, keep serving.
	bin/demo --sidegate bin/sidegate

.PHONY: demo
demo: build demo-binary ## Play the story once; fails unless every decision is the expected one.
	bin/demo --sidegate bin/sidegate --once

.PHONY: demo-binary
demo-binary:
	cd integrations/zitadel && $(GO) build -trimpath -o ../../bin/demo ./cmd/demo

.PHONY: test
test: ## Run all tests; needs Go and nothing else.
	@for m in $(MODULES); do (cd $$m && $(GO) test -timeout 20m ./...) || exit 1; done

.PHONY: race
race: ## Run all tests under the race detector; needs a C compiler.
	@for m in $(MODULES); do (cd $$m && $(GO) test -race -timeout 30m ./...) || exit 1; done

.PHONY: vectors
vectors: build ## Replay all vectors against the engine and print agree/total per file.
	bin/sidegate test pdp/pdptest/testdata conditions/testdata executors/testdata pdp/testdata

.PHONY: generate
generate: ## Generate gen/ from proto/.
	$(BUF) generate
	cd tools/openapi && $(GO) run . ../../gen/openapi

.PHONY: generated
generated: generate ## Fail when gen/ is not what proto/ makes.
	git diff --exit-code --stat gen
	@test -z "$$(git status --porcelain gen)" || { git status --short gen; exit 1; }

.PHONY: lint
lint: ## Check format, lint Go and protos, and breaking changes of the contract.
	$(BUF) lint
	$(BUF) format -d --exit-code proto
	$(BUF) breaking proto --against proto/baseline.binpb
	$(GO) vet ./...
	@for m in $(LINTED); do (cd $$m && $(GO) tool -modfile=$(CURDIR)/tools/lint/go.mod golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

.PHONY: baseline
baseline: ## Take proto/ as the contract that later changes are compared with.
	$(BUF) build proto --exclude-source-info -o proto/baseline.binpb

.PHONY: verify
verify: generated lint race vectors demo ## Everything that must be green.

.PHONY: bench
bench: ## Measure the engine; see docs/performance.md.
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./pdp ./internal/catalog ./internal/decisionlog ./internal/service ./internal/server ./storage/bolt

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s).
	@for p in $$(grep -rlE '^func Fuzz' --include='*_test.go' pdp conditions executors storage internal | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | sed 's/func //'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$p || exit 1; done; done

.PHONY: e2e-keycloak
e2e-keycloak: ## Compare with a real Keycloak 26.7.3; needs Java 17 and Maven, takes some minutes.
	cd e2e/keycloak && $(GO) test -count=1 -timeout 40m -v ./...

.PHONY: nightly
nightly: ## What takes longer: fuzzing for two minutes a target, tests ten times under the race detector.
	$(MAKE) fuzz FUZZTIME=2m
	$(GO) test -race -count 10 -timeout 60m ./pdp/... ./storage/... ./internal/...
