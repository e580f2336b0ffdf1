# What you need: Go, git, make, and apt for the servers that the scenarios run against.

.PHONY: build test test-synapse demo bench lint fuzz install

# The gateway, in bin/.
build:
	go build -o bin/isthmus ./cmd/isthmus

# Everything: unit tests and scenarios under the race detector, each fuzz target for 5 s.
test: install
	@go build -o bin/tests ./e2e/cmd/tests && bin/tests

# The scenarios of Matrix on a Synapse instead of a Dendrite. It takes a superuser,
# and the first time some minutes and 400 MB.
test-synapse: install
	e2e/install-synapse.sh
	E2E_HOMESERVER=synapse go test -count=1 -race -timeout 30m -run 'Matrix|Homeserver' ./e2e ./e2e/harness

# Real servers, the gateway and a conversation across it; stays up until Ctrl-C.
demo: install
	@go build -o bin/demo ./e2e/demo && exec bin/demo

# The numbers, beside those of Debian's biboumi and of matterbridge in the same run.
bench:
	e2e/install.sh biboumi
	e2e/install-matterbridge.sh
	go run ./e2e/bench

# Formatting, vet and staticcheck (pinned in e2e/tools/go.mod).
lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; false; }
	go vet ./...
	go tool -modfile=e2e/tools/go.mod staticcheck ./...

# Each fuzz target for a while: make fuzz FUZZTIME=1m
FUZZTIME ?= 5s
fuzz:
	@go build -o bin/tests ./e2e/cmd/tests && bin/tests -unit=false -fuzz $(FUZZTIME)

# The servers and foreign clients of the scenarios; quick when they are there.
install:
	e2e/install.sh
