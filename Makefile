# `make` alone lists the targets. Everything is built in Release; results of tests land in tests/results.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
# English messages, whatever the machine speaks, so that they can be searched for.
export DOTNET_CLI_UI_LANGUAGE := en

MSBUILD := dotnet msbuild -nologo -verbosity:quiet -restore -maxcpucount

# Everything that goes into out/. Directories count too: their time changes when a file is added or removed.
# Nothing at depth 0: "cluster" is a target of its own, and would be run.
SOURCES := $(shell find broker cluster tools -mindepth 1 \( -name bin -o -name obj -o -name Amqp.Bench.Micro \) -prune -o \
             \( -type d -o -name '*.cs' -o -name '*.csproj' -o -name '*.razor' -o -name packages.lock.json \) -print 2>/dev/null) \
           tools/scripts/publish.proj appsettings.json Directory.Build.props Directory.Packages.props global.json

.PHONY: help run cluster build test test-long test-faults sim mutants test-oracle demo-ack demo-confirm demo-persistence demo-peak demo-failover bench bench-quick bench-cluster bench-limits bench-micro bench-storage bench-objects bench-curves soak format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

cluster: build ## Build and start three nodes of a cluster on 127.0.0.1:5672 to 5674, data in ./data/n1 to n3; Ctrl-C stops them
	@exec tools/scripts/cluster.sh

run: build ## Build and start the broker on 127.0.0.1:5672, data in ./data; Ctrl-C stops it (options: ARGS="--Name=value")
	@exec out/amqpd $(ARGS)

build: out/.built ## Leave runnable out/amqpd, out/amqpperf, out/amqpctl (also as out/rabbitmqctl), out/amqpdemos, out/amqpbench

out/.built: $(SOURCES)
	@$(MSBUILD) tools/scripts/publish.proj
	@touch $@

test: all-projects ## Build everything, run every test that is not of category Long; last line: N passed, N failed, N skipped
	@tools/scripts/test.sh --filter 'TestCategory!=Long'

test-long: all-projects ## Run the tests of category Long, the full rounds
	@TEST_HANG=60m tools/scripts/test.sh --filter 'TestCategory=Long'

test-faults: build ## Kill and stop nodes of clusters under load, the long rounds too (again with the same chance: AMQP_TEST_SEED=number)
	@tools/scripts/install-test-needs.sh
	@$(MSBUILD) tests/Amqp.Failover.Tests -p:Configuration=Release
	@TEST_HANG=60m tools/scripts/test.sh tests/Amqp.Failover.Tests

sim: ## Run the simulator of mirrored queues: make sim SEED=1 RUNS=500
	@$(MSBUILD) tests/Amqp.Replication.Tests -p:Configuration=Release
	@SIM_SEED=$(or $(SEED),1) SIM_RUNS=$(or $(RUNS),500) tools/scripts/test.sh --filter 'FullyQualifiedName~runs_that_were_asked_for' tests/Amqp.Replication.Tests

mutants: ## Break the protocol of mirrored queues in many ways and tell what notices; 15 minutes
	python3 tests/Amqp.Replication.Tests/mutants.py

test-oracle: all-projects ## Run the conformance tests of category same against Debian's rabbitmq-server
	@tests/oracle/install.sh
	@trap tests/oracle/stop.sh EXIT; tests/oracle/start.sh; \
	  AMQP_TEST_ORACLE=127.0.0.1:$${AMQP_ORACLE_PORT:-5673} tools/scripts/test.sh --filter 'TestCategory=same' tests/Amqp.Conformance*

# The broker in out/ first: the conformance tests start it as a process of its own.
.PHONY: all-projects
all-projects: build
	@tools/scripts/install-test-needs.sh
	@$(MSBUILD) Amqp.sln -p:Configuration=Release

demo-ack: build ## Show what a crashed consumer costs with automatic and with manual acknowledgement
	@exec out/amqpdemos ack

demo-confirm: build ## Show what a publisher may believe when its broker crashes: without confirms, with confirms, with tx
	@exec out/amqpdemos confirm

demo-persistence: build ## Show what survives a crash: transient and persistent messages, durable and non-durable queues
	@exec out/amqpdemos persistence

demo-peak: build ## Show a queue as the buffer of a burst, as a chart (options: ARGS="--rate 10000 --messages 100000")
	@exec out/amqpdemos peak $(ARGS)

# The nodes look for etcd in the PATH.
demo-failover: build ## Kill the node that leads two queues, one with mirrors and one without, and show what is left of each
	@tools/scripts/unpack-debian.sh etcd-server etcd etcd
	@PATH="$$PATH:$(CURDIR)/tests/.tools/etcd/usr/bin" exec out/amqpdemos failover

bench: build ## Measure this broker and Debian's rabbitmq-server in turns on the same work (options: ARGS="--rounds 3 --only transient")
	@tests/oracle/install.sh
	@tools/scripts/bench.sh $(ARGS)

bench-quick: build ## The same in under two minutes: a part of the work, one round of a second each
	@tests/oracle/install.sh
	@tools/scripts/bench.sh --quick $(ARGS)

bench-cluster: build ## Measure three nodes of this broker and three of Debian's rabbitmq-server in turns (options: ARGS="--rounds 3 --only mirror")
	@tests/oracle/install.sh
	@tools/scripts/unpack-debian.sh etcd-server etcd etcd
	@tools/scripts/bench-cluster.sh $(ARGS)

bench-limits: build ## Measure the broker beside what its parts, the sockets and the load generator reach alone (options: ARGS="--seconds 5")
	@exec out/amqpbench limits $(ARGS)

# Without globbing: patterns are BenchmarkDotNet's.
bench-micro: ## Measure codec, routing and queue step by step with BenchmarkDotNet (options: ARGS="--filter *Routing*"); a few minutes
	@set -f; exec dotnet run -c Release --project tools/Amqp.Bench.Micro -- $(ARGS)

bench-storage: build ## Measure the message store beside the disk alone (options: ARGS="--messages 1000000"); the figures are in broker/Amqp.Storage
	@exec out/amqpbench storage $(ARGS)

bench-objects: build ## Measure what idle connections, channels, queues and bindings cost (options: ARGS="--queues 1000"); the figures are in tools/Amqp.Bench
	@exec out/amqpbench objects $(ARGS)

bench-curves: build ## Measure how cost grows with queues, connections, bindings and the depth of a queue (options: ARGS="--only queues --depth 10000000")
	@exec out/amqpbench curves $(ARGS)

soak: build ## Load a broker for an hour and see that it takes no more memory with time (options: ARGS="--minutes 10")
	@exec out/amqpbench soak $(ARGS)

format: ## Format the code by .editorconfig
	@dotnet format Amqp.sln

clean: ## Remove what was built and the test results; ./data stays
	@rm -rf out tests/results
	@find broker cluster tests tools \( -name bin -o -name obj \) -type d -prune -exec rm -rf {} + 2>/dev/null || true
