#!/usr/bin/env bash
# broken.sh breaks the program on purpose, one way at a time (scripts/broken/*.patch),
# in a copy of what is committed, and runs the tests that must notice. It fails if
# one of them does not.
#
#	scripts/broken.sh [NAME ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# name | tests that must fail
table='
no-folder-sync     | ./internal/durable ./appliance -run TestCrash|TestSweep|TestOverwrite
unchecked-block    | ./appliance -run TestRot|TestStripeTrials
complete-by-status | ./simulator -run TestEachFaultOfEachCall|TestCompleteError
failed-look-wins   | ./appliance/... ./simulator -run TestFailedLook|TestHistories|TestSources
no-second-look     | ./appliance ./simulator -run TestContinuedLoad|TestSources
deaf-lock          | ./internal/vfs ./appliance ./simulator -run TestConformance|TestBusyDisks|TestDoubleStarts
'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0
while IFS='|' read -r name tests; do
	name=${name// /}
	[[ -n $name ]] || continue
	[[ $# -eq 0 || " $* " == *" $name "* ]] || continue
	rm -rf "$work/tree" && mkdir "$work/tree"
	git archive HEAD | tar -x -C "$work/tree"
	git -C "$work/tree" init -q # so that no repository around it counts
	git -C "$work/tree" apply "$root/scripts/broken/$name.patch"
	read -ra args <<<"$tests"
	if (cd "$work/tree" && SLEDGE_TOOLS="$root/build/tools" go test -count=1 "${args[@]}") >"$work/log" 2>&1; then
		printf '%-20s NOT NOTICED\n' "$name"
		missed=1
	elif grep -q '^--- FAIL' "$work/log"; then
		printf '%-20s noticed by %s\n' "$name" "$(grep -o '^--- FAIL: [A-Za-z0-9_]*' "$work/log" | sed 's/--- FAIL: //' | sort -u | tr '\n' ' ')"
	else
		cat "$work/log" >&2
		printf '%-20s does not build\n' "$name"
		missed=1
	fi
done <<<"$table"
exit "$missed"
