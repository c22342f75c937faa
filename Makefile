# sledge: bare "make" lists the targets. Every one works in a fresh clone: it
# fetches what it needs itself, into build/ (ignored by git) or as Debian
# packages.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

export GOTOOLCHAIN := local

BUILD   := build
# What is made there is not ours to check: a module of its own keeps it out of ./...
_ := $(shell mkdir -p $(BUILD) && { [ -f $(BUILD)/go.mod ] || echo 'module build' > $(BUILD)/go.mod; })

# Helper programs, pinned in scripts/tools.sh. Tests find them here.
TOOLS        := $(abspath $(BUILD)/tools)
TEST_TOOLS   := versitygw age age-keygen staticcheck fsck
export SLEDGE_TOOLS := $(TOOLS)

# Known answers of others, kept outside this repository; without them their
# tests are skipped by name.
VECTORS ?= ../shared/vectors
unexport VECTORS
ifneq ($(wildcard $(VECTORS)/.),)
VECTORS_DIR := $(abspath $(VECTORS))
endif

FUZZTIME ?= 60s
BENCH    ?= .
# The end of one package's tests that hang. No test waits for it, however busy the machine.
TIMEOUT  ?= 30m

SUMMARY := $(BUILD)/bin/testsummary

# $(call gotest,FLAGS AND PACKAGES) runs tests into the summary. Results are not
# cached: go does not see what a test builds or starts by itself.
gotest = $(if $(VECTORS_DIR),VECTORS='$(VECTORS_DIR)' )go test -json -count=1 -timeout $(TIMEOUT) $(1) | $(SUMMARY)

.PHONY: help build demo day test outside outside-long race lint vuln rooms fuzz vectors bench bench-quick bench-scale bench-scale-import bench-compare microbench test-e2e fips kills sim import-faults stress stress-deps broken cover check tidy-check race-deps fs-deps browser-deps verifier man release deps tools clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the sledge program into build/bin
	@mkdir -p $(BUILD)/bin
	@version=$$(scripts/version.sh) && set -x && \
	go build -trimpath -buildvcs=false -ldflags "-X main.version=$$version" -o $(BUILD)/bin/sledge ./cmd/sledge

demo: deps ## the main job from source tree to verified S3 objects and back (SRC=/path for your own files)
	@scripts/demo.sh

test: deps fs-deps lint $(SUMMARY) ## lint, then all tests; skipped ones are counted by name (under 10 minutes)
	@scripts/tools.sh $(TEST_TOOLS)
	@$(call gotest,-vet=off ./...)

# Other people's programs, pinned in scripts/outside.sh and scripts/tools.sh. One that cannot
# be had is skipped by name, even if that leaves none.
OUTSIDE       = $(abspath $(BUILD)/outside)
OUTSIDE_TESTS = -parallel 8 -run '^TestOutside|^TestVersionedBucket$$|^TestLockedBucket$$|^TestMinIOAnswers$$'
outside: TIMEOUT = 45m
outside: $(SUMMARY) ## sledge against other people's programs at pinned versions, fetched into build/outside (under 50 minutes)
	@scripts/space.sh outside
	@scripts/outside.sh
	@scripts/tools.sh --try minio
	@SLEDGE_OUTSIDE='$(OUTSIDE)' $(call gotest,$(OUTSIDE_TESTS) ./e2e) -min 0

outside-long: TIMEOUT = 6h
outside-long: $(SUMMARY) ## the same, with what takes long: by hand (a whole release, made three times)
	@scripts/space.sh outside
	@scripts/outside.sh
	@scripts/tools.sh --try minio
	@SLEDGE_OUTSIDE='$(OUTSIDE)' SLEDGE_LONG=1 $(call gotest,$(OUTSIDE_TESTS) ./e2e) -min 0

day: ## an operator's day before your eyes: two devices, a busy store, expired credentials, a takeover, report, acceptance
	@scripts/tools.sh versitygw
	@go test -count=1 -timeout $(TIMEOUT) -v -run TestOperatorsDay ./e2e -show

test-e2e: deps fs-deps $(SUMMARY) ## only the end-to-end tests against versitygw
	@scripts/tools.sh $(TEST_TOOLS)
	@$(call gotest,./e2e/...)

race: TIMEOUT = 60m
race: deps fs-deps race-deps $(SUMMARY) ## all tests under the race detector (slow)
	@scripts/tools.sh $(TEST_TOOLS)
	@CGO_ENABLED=1 $(call gotest,-race ./...)

lint: ## gofmt, go vet, staticcheck, import arrows and package docs
	@scripts/tools.sh staticcheck
	@scripts/gofmt.sh
	go vet ./...
	$(TOOLS)/staticcheck ./...
	go test ./internal/lint

vuln: ## known vulnerabilities that the programs can run into, by a pinned database; fails on those of modules
	@scripts/vuln.sh

rooms: ## write the table of packages in docs/architecture.md
	@go run ./scripts/rooms

fuzz: ## every fuzz target for FUZZTIME (60s) each, stops on a finding (FUZZ=Name for one)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh $(FUZZ)

vectors: $(SUMMARY) ## known-answer tests of others; fails where VECTORS=DIR (../shared/vectors) is absent
	@[[ -d "$(VECTORS)" ]] || { printf 'vectors: no folder %s\nhint: name it: make vectors VECTORS=DIR\n' "$(VECTORS)" >&2; exit 1; }
	@SLEDGE_REQUIRE_VECTORS=1 $(call gotest,-run Vector ./...)

# What is measured beside sledge. One that cannot be had is named, and left out.
PEERS       := versitygw age age-keygen restic kopia s5cmd
PEERS_FULL  := $(PEERS) rclone minio
BENCHFLAGS  ?=
benchmark    = go build -trimpath -buildvcs=false -o $(BUILD)/bin/bench ./bench && exec $(BUILD)/bin/bench

bench: build ## sledge beside the machine's limits and its peers: an hour, 16 GiB of memory, 24 of disk (BENCHFLAGS=…)
	@scripts/deps.sh tar=tar par2=par2 aws=awscli || true
	@scripts/tools.sh --try $(PEERS_FULL)
	@$(benchmark) $(BENCHFLAGS)

bench-quick: build ## the same on small sets, under 3 minutes
	@scripts/deps.sh tar=tar || true
	@scripts/tools.sh --try $(PEERS)
	@$(benchmark) --quick $(BENCHFLAGS)

bench-scale: ## 10^5 to 10^7 entries through every stage, time and memory of each: 5 minutes, 25 GB in TMPDIR
	SLEDGE_LONG=1 go test ./appliance -run '^$$' -bench 'Scale$$' -benchtime 1x -v -timeout 20m

bench-scale-import: ## 10^5 to 10^7 objects imported, stopped, resumed, verified, accepted: half an hour, 35 GB in TMPDIR
	SLEDGE_LONG=1 go test ./appliance -run '^$$' -bench 'ScaleImport$$' -benchtime 1x -v -timeout 100m

bench-compare: ## Go benchmarks of this tree and of BASE=REV in turn, compared by benchstat (BENCH=pattern, PKGS=./crypto, COUNT=6)
	@scripts/tools.sh benchstat
	@BENCH='$(BENCH)' scripts/bench-compare.sh '$(BASE)'

microbench: ## all Go benchmarks of the stages (BENCH=pattern), each for a second
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $${PKGS:-./...}

# The tests set it for the sledge processes alone: the go command must still fetch
# modules, and the S3 server is not ours.
fips: deps $(SUMMARY) ## load, seal, verify and import with GODEBUG=fips140=only
	@scripts/tools.sh versitygw
	@SLEDGE_FIPS=1 $(call gotest,-run FIPS ./e2e)

kills: deps $(SUMMARY) ## kill -9 load, seal and import 200 times (SLEDGE_KILLS), then compare every byte
	@scripts/tools.sh versitygw
	@SLEDGE_KILLS=$${SLEDGE_KILLS:-200} $(call gotest,-run TestKills ./e2e)

stress: TIMEOUT = 80m
stress: deps stress-deps $(SUMMARY) ## root: 1,000 SIGKILLs, power cuts on real ext4 and xfs, bad sectors, full and pulled disks, two S3 servers behind a faulty wire (10 minutes)
	@scripts/tools.sh versitygw
	@scripts/tools.sh --try minio
	@SLEDGE_STRESS=1 SLEDGE_KILLS=$${SLEDGE_KILLS:-1000} SLEDGE_RUNS=$${SLEDGE_RUNS:-100} SLEDGE_SEED=$${SLEDGE_SEED:-$(SEED)} $(call gotest,-v -run 'TestKills|TestPowerCuts|TestBadSectors|TestFullImages|TestDisksPulledMounted|TestImportFaults' ./e2e)

import-faults: TIMEOUT = 12h
import-faults: deps $(SUMMARY) ## RUNS (1000) imports from SEED on into two real S3 servers, with every fault of a request, kills and freezes; versioned and locked buckets
	@scripts/tools.sh versitygw
	@scripts/tools.sh --try minio
	@SLEDGE_RUNS=$(RUNS) SLEDGE_SEED=$(SEED) $(call gotest,-run 'TestImportFaults|TestVersionedBucket|TestLockedBucket|TestMinIOAnswers' ./e2e)

stress-deps:
	@scripts/deps.sh mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs mount=mount

SEED ?= $(shell date +%s)
N    ?= 1000
RUNS ?= 1000
sim: build ## N lives (1000) of devices from SEED on, in memory, with everything that goes wrong (FAULTS=a,b for some)
	@$(BUILD)/bin/sledge simulate --seed $(SEED) --lives $(N) $(if $(FAULTS),--faults $(FAULTS))

broken: ## break the program on purpose, a change at a time; the tests must notice each (N=, ONLY=, BREAKS=, AGAIN=1: docs/testing.md)
	@scripts/tools.sh versitygw
	@go run ./scripts/broken $(if $(JOBS),-jobs '$(JOBS)') $(if $(filter file,$(origin N)),,-n '$(N)') $(if $(ONLY),-only '$(ONLY)') $(if $(AGAIN),-again) $(BREAKS)

cover: deps $(SUMMARY) ## test coverage over all packages: total here, lines in build/cover.html
	@scripts/tools.sh $(TEST_TOOLS)
	@$(call gotest,-coverpkg=./... -coverprofile=$(BUILD)/cover.out ./...)
	@go tool cover -html $(BUILD)/cover.out -o $(BUILD)/cover.html
	@go tool cover -func $(BUILD)/cover.out | tail -n 1

check: tidy-check test ## what a change must pass: go mod tidy is clean, then all of make test

tidy-check:
	@go mod tidy -diff || { printf 'check: go.mod or go.sum is not tidy\nhint: go mod tidy; pin new modules by "go get MODULE@VERSION" first\n' >&2; exit 1; }

verifier: ## the keyless verifier as one HTML file that works offline, build/verifier.html
	@version=$$(scripts/version.sh) && go run ./scripts/verifier -version "$$version" -out $(BUILD)/verifier.html && ls -l $(BUILD)/verifier.html

man: ## the manual pages, build/man1, checked by mandoc where it is installed
	@rm -rf $(BUILD)/man1 && mkdir -p $(BUILD)/man1
	@go run ./cmd/sledge man $(BUILD)/man1 --date "$$(git log -1 --format=%cs 2>/dev/null || date -u +%F)"
	@! command -v mandoc >/dev/null || mandoc -T lint -W warning $(BUILD)/man1/*.1

release: ## all of a release, made twice and equal: programs, packages, page, sources, sums, and signatures (RELEASE_KEY=, SSH_KEY=), into build/release
	@scripts/release.sh

deps: ## install the Debian packages that tests and demo call, where they are missing
	@scripts/deps.sh python3=python3 s3cmd=s3cmd flock=util-linux

fs-deps: ## install what makes and serves the file systems of the tests (skipped by name without)
	@scripts/deps.sh mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs mkfs.btrfs=btrfs-progs mkfs.vfat=dosfstools mkfs.exfat=exfatprogs mkfs.f2fs=f2fs-tools mkfs.ntfs=ntfs-3g fusermount3=fuse3 =python3-fusepy || true

browser-deps: ## install a browser, with which a test looks at the HTML report (skipped by name without)
	@scripts/deps.sh chromium=chromium

race-deps:
	@scripts/deps.sh gcc=gcc,libc6-dev

tools: ## build all helper programs, at pinned versions, into build/tools
	@scripts/tools.sh

clean: ## remove what was built, except the helper programs and the guests of "make outside"
	@[[ ! -d $(BUILD) ]] || find $(BUILD) -type d ! -perm -u+w -exec chmod u+w {} +
	@[[ ! -d $(BUILD) ]] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name tools ! -name outside -exec rm -rf {} +

distclean: ## remove these, too
	rm -rf $(BUILD)

$(SUMMARY): $(wildcard scripts/testsummary/*.go)
	@mkdir -p $(BUILD)/bin
	@go build -o $@ ./scripts/testsummary
