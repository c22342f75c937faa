#!/usr/bin/env bash
# bench-compare.sh runs the Go benchmarks of a revision and of the work tree in
# turn, so that a machine whose speed drifts slows both, and compares them with
# benchstat.
#
#	scripts/bench-compare.sh REV
#
# BENCH is the pattern of benchmarks (default: all), PKGS the packages (default:
# ./...), COUNT how many rounds (default 6), BENCHTIME the time of each (default
# 0.5s). What was printed stays in build/bench/compare.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD out=$PWD/build/bench/compare

die() {
	printf 'bench-compare: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}

[[ -n ${1:-} ]] || die 'no revision to compare with' 'make bench-compare BASE=main BENCH=Segment PKGS=./crypto'
rev=$(git rev-parse --verify --quiet "$1^{commit}") || die "no revision $1" 'git log --oneline names some'
[[ -x build/tools/benchstat ]] || die 'benchstat is not built' 'scripts/tools.sh benchstat'
read -ra packages <<<"${PKGS:-./...}"

base=$root/build/bench/base
forget() { git worktree remove --force "$base" 2>/dev/null || true; }
trap forget EXIT
trap 'exit 130' INT TERM
mkdir -p "$out"
rm -f "$out"/*.txt
forget
git worktree add --quiet --force --detach "$base" "$rev"

# build compiles the test programs of a tree, once.
build() {
	mkdir -p "$out/$2"
	rm -f "$out/$2"/*
	(
		cd "$1"
		for package in $(go list "${packages[@]}"); do
			name=${package//\//_}
			go test -c -o "$out/$2/$name.test" "$package" >/dev/null
			[[ ! -e $out/$2/$name.test ]] || go list -f '{{.Dir}}' "$package" >"$out/$2/$name.dir"
		done
	)
}

# round runs every benchmark of a tree once, in its package's folder.
round() {
	local program
	for program in "$out/$1"/*.test; do
		(cd "$(cat "${program%.test}.dir")" &&
			"$program" -test.run '^$' -test.bench "${BENCH:-.}" -test.benchmem -test.benchtime "${BENCHTIME:-0.5s}" -test.timeout 20m)
	done | { grep -E '^(goos|goarch|pkg|cpu|Benchmark)' || true; } >>"$out/$1.txt"
}

printf 'bench-compare: building %.12s and the work tree ...\n' "$rev"
build "$base" base
build "$root" new
for i in $(seq "${COUNT:-6}"); do
	printf 'bench-compare: round %s of %s\n' "$i" "${COUNT:-6}"
	round base
	round new
done
grep -q '^Benchmark' "$out/new.txt" || die "no benchmark matches ${BENCH:-.}" 'make microbench names them all'
build/tools/benchstat base="$out/base.txt" new="$out/new.txt" | tee "$out/benchstat.txt"
