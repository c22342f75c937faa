#!/usr/bin/env bash
# vuln.sh tells which known vulnerabilities the programs have, and fails if a vulnerable
# function of a module can be called. The database is a Go module at a pinned version, whose
# files must have the pinned sum: after it and the scanner have been fetched once, nothing asks
# a network. A newer database is a new version and a new sum here.
#
#	scripts/vuln.sh [PACKAGE ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=v0.0.0-20261105234957-e22db6528018
sum=h1:mfngRv0Yoh0VApsXKEN82CjD99kl7mtparN3bs3JnqI=

scripts/tools.sh govulncheck
# What go has of it already is not asked for again.
found=$(cd "${TMPDIR:-/tmp}" && GOFLAGS= GOWORK=off go mod download -json "golang.org/x/vulndb@$version") || {
	printf '%s\nvuln: the database cannot be had\nhint: see the lines above; it is a Go module and comes from where go env GOPROXY says\n' "$found" >&2
	exit 1
}
field() { sed -nE "s/^\t\"$1\": \"(.*)\",?\$/\1/p" <<<"$found"; }
[[ $(field Sum) == "$sum" ]] || {
	printf 'vuln: golang.org/x/vulndb %s has the sum %s, and %s is pinned\n' "$version" "$(field Sum)" "$sum" >&2
	exit 1
}
day=${version#v0.0.0-}
build/tools/govulncheck -db "file://$(field Dir)/data/osv" -format json "${@:-./cmd/...}" |
	go run ./scripts/vuln "${day:0:4}-${day:4:2}-${day:6:2}"
