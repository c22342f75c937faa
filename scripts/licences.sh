#!/usr/bin/env bash
# licences.sh prints the licences of what the programs are linked with: of every module, and of
# the Go standard library.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

# licence WHAT FOLDER prints the files in a folder that say on what terms it may be used.
licence() {
	local file found=
	printf '\n======== %s\n' "$1"
	for file in "$2"/LICEN[CS]E* "$2"/COPYING* "$2"/NOTICE* "$2"/PATENTS*; do
		[[ -f $file ]] || continue
		found=yes
		printf -- '-------- %s\n' "${file##*/}"
		tr -d '\r' <"$file"
	done
	[[ -n $found ]] || {
		printf 'licences: %s has no file with its licence in %s\n' "$1" "$2" >&2
		exit 1
	}
}

printf 'What sledge and sledge-verify are linked with, and its licences.\n'
licence "Go standard library, $(go env GOVERSION)" "$(go env GOROOT)"
GOOS=linux GOARCH=amd64 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/sledge ./cmd/sledge-verify | sort -u |
	while read -r path version dir; do licence "$path $version" "$dir"; done
