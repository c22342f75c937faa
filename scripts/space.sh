#!/usr/bin/env bash
# space.sh tells how much room there is where lanes of tests write, and says at once, by
# name, where it is too little for them: a full disk makes tests and the programs of others
# fail in ways that do not name it. Nothing is stopped or left out.
#
#	scripts/space.sh LANE ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# lane | MiB at its peak in TMPDIR | in build/ | in Go's caches; of a clean clone (docs/testing.md)
need_table='
test    | 2500 |  300 | 2000
outside | 1500 | 1700 | 3500
'

places=("${TMPDIR:-/tmp}" "$PWD/build" "$(go env GOCACHE 2>/dev/null || true)")
names=(TMPDIR build "Go's cache")

# there is the folder, or the nearest above it that exists.
there() {
	local dir=${1:-/}
	while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
	printf '%s\n' "$dir"
}

gib() { awk -v mib="$1" 'BEGIN { printf "%.1f GiB", mib / 1024 }'; }

# What lies on one file system is needed there together.
declare -A free need says
for lane in "$@"; do
	mapfile -t mibs < <(awk -F'|' -v lane="$lane" '{ gsub(/ /, "") } $1 == lane { for (i = 2; i <= 4; i++) print $i }' <<<"$need_table")
	[[ ${#mibs[@]} -eq 3 ]] || { printf 'space: unknown lane %s\n' "$lane" >&2; exit 1; }
	free=() need=() says=()
	for i in 0 1 2; do
		read -r avail mount < <(df -Pk "$(there "${places[i]}")" | awk 'NR == 2 { print int($4 / 1024), $6 }')
		free[$mount]=$avail
		need[$mount]=$((${need[$mount]:-0} + mibs[i]))
		says[$mount]+="${says[$mount]:+, }${names[i]} ${places[i]} $(gib "${mibs[i]}")"
	done
	for mount in "${!free[@]}"; do
		if [[ ${free[$mount]} -ge ${need[$mount]} ]]; then
			printf 'space: %s free on %s; make %s needs %s (%s)\n' "$(gib "${free[$mount]}")" "$mount" "$lane" "$(gib "${need[$mount]}")" "${says[$mount]}"
			continue
		fi
		printf 'space: TOO LITTLE: %s free on %s, and make %s needs %s (%s)\n' "$(gib "${free[$mount]}")" "$mount" "$lane" "$(gib "${need[$mount]}")" "${says[$mount]}"
		printf 'hint: free some of it, or have TMPDIR and GOCACHE name folders of a larger file system; a test that fails may have met a full disk\n'
	done
done
