#!/usr/bin/env bash
# demo.sh builds sledge and the demonstration, and runs it. The S3 server is built
# beside: the demonstration waits for it only where its work needs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ! -x build/tools/versitygw ]]; then
	printf 'demo: the first call fetches and builds sledge and an S3 server, which takes 5 to 7 minutes on two cores\n'
fi
# A session of its own, so that all of it can be ended with this script.
setsid scripts/tools.sh versitygw &
server=$!
trap 'kill -- "-$server" 2>/dev/null || true' EXIT

mkdir -p build/bin
version=$(scripts/version.sh)
go build -v -trimpath -buildvcs=false -ldflags "-X main.version=$version" -o build/bin/sledge ./cmd/sledge 2>&1 |
	scripts/buildprogress.sh 'demo: sledge'
go build -v -buildvcs=false -o build/bin/demo ./internal/demo 2>&1 | scripts/buildprogress.sh 'demo: its own program'
SLEDGE_BIN=$PWD/build/bin/sledge build/bin/demo
