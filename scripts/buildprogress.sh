#!/usr/bin/env bash
# buildprogress.sh reads what "go build -v" writes, and says every ten seconds how far
# it is. Lines that are neither a download nor a package are passed on, unless
# --summary is given.
#
#	go build -v ./... 2>&1 | scripts/buildprogress.sh [--summary] NAME
set -euo pipefail

summary=
if [[ ${1:-} == --summary ]]; then
	summary=yes
	shift
fi
name=$1 modules=0 packages=0 said=0

say() {
	printf '%s: %d modules fetched, %d packages compiled, %d s\n' "$name" "$modules" "$packages" "$SECONDS" >&2
	said=$SECONDS
}

while true; do
	if IFS= read -r -t 10 line; then
		case $line in
		'go: downloading '*) modules=$((modules + 1)) ;;
		'' | *[!a-zA-Z0-9._/~-]*) [[ -n $summary ]] || printf '%s\n' "$line" >&2 ;;
		*) packages=$((packages + 1)) ;;
		esac
	elif (($? <= 128)); then # the end, not the ten seconds
		break
	fi
	if ((SECONDS - said >= 10)); then say; fi
done
