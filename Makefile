# Verbs of the project; `make` alone prints them.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

GO ?= go
export GOFLAGS := -buildvcs=false -mod=readonly
export CGO_ENABLED ?= 0
# Versions of the tools, in one place. They are run as modules, so that go.mod stays the product's own.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help build demo test bench lint check components e2e fuzz

help: ## print the verbs
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## build bin/forethought, one static binary
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/forethought ./cmd/forethought

demo: build ## run the demo: a generated organisation, forecast and planned on the embedded Prometheus
	bin/forethought demo

test: ## run the fast tests with the race detector; real traces are used where FORETHOUGHT_DATA names them
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 10m ./...

bench: build ## measure cost, and accuracy on the real traces into docs/accuracy.md; fails where accuracy is worse than the committed baseline
	./bench.sh

lint: ## run the linters
	$(GO) run $(GOLANGCI_LINT) run ./...
	cd test/e2e && $(GO) run $(GOLANGCI_LINT) run --config ../../.golangci.yml ./...

check: ## fail where generated files differ from what generates them, or go.mod is not tidy
	$(GO) vet ./...
	$(GO) test -run 'Generated|Doc|Metrics|Floors|Fences' ./...
	$(GO) mod verify
	$(GO) mod tidy -diff
	cd test/e2e && $(GO) vet ./... && $(GO) mod tidy -diff
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "these files are not formatted: run gofmt -w"; exit 1; }

components: ## build the control plane that e2e needs, once for each version: etcd, Kubernetes, kwok, KEDA, Prometheus, Helm
	cd test/e2e && $(GO) run ./components/build

e2e: build components ## run the whole program against a real control plane: every door, the faults, the chart
	cd test/e2e && FORETHOUGHT_BINARY=$(CURDIR)/bin/forethought $(GO) test -count=1 -timeout 30m ./...

fuzz: ## run each fuzzer for ten seconds
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime 10s $$p || exit 1; done; done
