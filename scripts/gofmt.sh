#!/usr/bin/env bash
# gofmt.sh fails if gofmt would change a Go file of this tree, and names it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
changed=$(find . \( -path ./build -o -path ./.git \) -prune -o -name '*.go' -print0 | xargs -0 -r gofmt -l)
[[ -z $changed ]] || {
	printf 'gofmt: would change:\n%s\nhint: gofmt -w on these files\n' "$changed" >&2
	exit 1
}
