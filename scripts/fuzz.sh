#!/usr/bin/env bash
# fuzz.sh runs every fuzz target of the module for FUZZTIME, one after another,
# stops at the first finding, and prints a table of what ran. With arguments,
# only the targets of these names.
#
#	FUZZTIME=60s scripts/fuzz.sh [FuzzName ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fuzztime=${FUZZTIME:-60s}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Only packages whose tests hold a fuzz target are compiled.
targets=()
while read -r package; do
	names=$(go test -list '^Fuzz' "$package" 2>"$work/list") || {
		cat "$work/list" >&2
		printf '%s\n' "$names" >&2
		printf 'fuzz: cannot list the targets of %s\nhint: make it build first: go vet %s\n' "$package" "$package" >&2
		exit 1
	}
	for name in $(grep '^Fuzz' <<<"$names" || true); do
		if [[ $# -eq 0 || " $* " == *" $name "* ]]; then targets+=("$package $name"); fi
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r package dir; do
	if grep -qs '^func Fuzz' "$dir"/*_test.go; then echo "$package"; fi
done)
if [[ ${#targets[@]} -eq 0 ]]; then
	printf 'fuzz: no fuzz targets found%s\nhint: every parser has one; see scripts/fuzz.sh\n' "${*:+ named $*}" >&2
	exit 1
fi

printf 'fuzz: %d targets, %s each\n' "${#targets[@]}" "$fuzztime"
# run fuzzes one target; its output is in $work/log. Minimizing may otherwise
# take a minute for one input, and with it the whole of FUZZTIME.
run() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$fuzztime" -fuzzminimizetime 2s "$1" >"$work/log" 2>&1; }

for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	printf 'fuzz: %s %s ...\n' "${package##*sledge/}" "$name"
	# The go command may report its own deadline as a failure without an input.
	if ! run "$package" "$name" && {
		grep -q 'Failing input written to' "$work/log" ||
			! grep -q 'context deadline exceeded' "$work/log" || ! run "$package" "$name"
	}; then
		cat "$work/log" >&2
		printf 'fuzz: finding in %s %s\n' "$package" "$name" >&2
		printf 'hint: the input is under testdata/fuzz/%s; go test replays it; keep it with the fix\n' "$name" >&2
		exit 1
	fi
	# fuzz: elapsed: 3s, execs: 11519 (3838/sec), new interesting: 6 (total: 12)
	last=$(grep '^fuzz: elapsed' "$work/log" | tail -n 1)
	execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' <<<"$last")
	found=$(sed -n 's/.*new interesting: \([0-9]*\).*/\1/p' <<<"$last")
	printf '%s %s %s %s\n' "${package##*sledge/}" "$name" "${execs:-?}" "${found:-0}" >>"$work/table"
done
printf '\n%-24s %-36s %12s %16s\n' package target execs 'new interesting'
awk '{ printf "%-24s %-36s %12s %16s\n", $1, $2, $3, $4 }' "$work/table"
printf '\nfuzz: no findings\n'
