#!/usr/bin/env bash
# tools.sh builds the helper programs that tests and the demo call, and the peers
# that "make bench" measures beside sledge, at pinned versions, from the Go module
# registry into build/tools. A tool is built when its stamp
# (build/tools/NAME.version) does not name the pinned version and the Go version
# at hand. Without arguments all tools but the peers are built; with --try, one
# that cannot be had is named, and the script goes on.
#
#	scripts/tools.sh [--list | [--try] NAME ...]
#
# SLEDGE_TOOLS_JOBS sets how many packages are compiled at once (default: the
# number of CPUs, at most 4).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools_dir=$PWD/build/tools

# name | package | module | version | peer: only for make bench
tool_table='
versitygw  | github.com/versity/versitygw/cmd/versitygw     | github.com/versity/versitygw       | v1.8.0
age        | filippo.io/age/cmd/age                         | filippo.io/age                     | v1.3.2
age-keygen | filippo.io/age/cmd/age-keygen                  | filippo.io/age                     | v1.3.2
staticcheck| honnef.co/go/tools/cmd/staticcheck             | honnef.co/go/tools                 | v0.8.2
fsck       | github.com/transparency-dev/tessera/cmd/fsck   | github.com/transparency-dev/tessera| v1.0.4
govulncheck| golang.org/x/vuln/cmd/govulncheck           | golang.org/x/vuln                 | v1.6.0
cyclonedx-gomod| github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod | github.com/CycloneDX/cyclonedx-gomod | v1.10.0 | peer
benchstat  | golang.org/x/perf/cmd/benchstat                | golang.org/x/perf                  | v0.0.0-20260908200009-22c9c6c9d4da
restic     | github.com/restic/restic/cmd/restic            | github.com/restic/restic           | v0.18.0 | peer
kopia      | github.com/kopia/kopia                         | github.com/kopia/kopia             | v0.21.1 | peer
s5cmd      | github.com/peak/s5cmd/v2                       | github.com/peak/s5cmd/v2           | v2.3.0 | peer
rclone     | github.com/rclone/rclone                       | github.com/rclone/rclone           | v1.76.0 | peer
minio      | github.com/minio/minio                         | github.com/minio/minio             | v0.0.0-20260212201848-7aac2a2c5b7c | peer
'

die() {
	printf 'tools: %s\n' "$1" >&2
	shift
	for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
	exit 1
}

# field NAME COLUMN prints one column of the table, nothing for an unknown name.
field() {
	awk -F'|' -v name="$1" -v col="$2" '
		{ for (i = 1; i <= NF; i++) gsub(/^[ \t]+|[ \t]+$/, "", $i) }
		$1 == name { print $col }' <<<"$tool_table"
}

names() { awk -F'|' 'NF > 1 { gsub(/[ \t]/, "", $1); print $1 }' <<<"$tool_table"; }

# own_names prints the tools that are no peers.
own_names() { awk -F'|' 'NF == 4 { gsub(/[ \t]/, "", $1); print $1 }' <<<"$tool_table"; }

# install_direct and install_pinned build package $1 of module $2 at version $3
# into folder $4. The second does it from a throw-away module that names the
# exact version, for registries that serve single versions but refuse the
# version list that "go install" asks for.
install_direct() {
	GOBIN=$4 go install -v -trimpath -ldflags='-s -w' -p "$jobs" "$1@$3"
}

install_pinned() {
	local mod
	mod=$(mktemp -d "$work/mod.XXXXXX")
	(
		cd "$mod"
		printf 'module tools.invalid\n\ngo 1.26.0\n\nrequire %s %s\n' "$2" "$3" >go.mod
		GOFLAGS="${GOFLAGS:-} -mod=mod" GOBIN=$4 go install -v -trimpath -ldflags='-s -w' -p "$jobs" "$1"
	)
}

build_tool() {
	local name=$1 package module version want start log
	package=$(field "$name" 2) module=$(field "$name" 3) version=$(field "$name" 4)
	want="$version $go_version"
	if [[ -x $tools_dir/$name && "$(cat "$tools_dir/$name.version" 2>/dev/null)" == "$want" ]]; then
		return 0
	fi
	start=$SECONDS
	log=$work/$name.log
	printf 'tools: building %s %s (once; needs the Go module registry) ...\n' "$name" "$version"
	mkdir -p "$work/$name"
	if ! { install_direct "$package" "$module" "$version" "$work/$name" ||
		install_pinned "$package" "$module" "$version" "$work/$name"; } 2>&1 |
		tee "$log" | scripts/buildprogress.sh --summary "tools: $name"; then
		tail -n 20 "$log" >&2
		if [[ -n $try ]]; then
			printf 'tools: %s %s cannot be had; going on without\n' "$name" "$version" >&2
			return 0
		fi
		die "cannot build $name: $package at $version" \
			"see the lines above; check that 'go env GOPROXY' can be reached and that 'go version' is 1.26 or newer" \
			"then run again: scripts/tools.sh $name"
	fi
	# The stamp goes first and comes back last: a build cut short is built again.
	rm -f "$tools_dir/$name.version"
	mv -f "$work/$name/$name" "$tools_dir/$name"
	printf '%s\n' "$want" >"$tools_dir/$name.version"
	printf 'tools: %s %s ready, %s KiB, %s s\n' "$name" "$version" \
		"$(du -k "$tools_dir/$name" | cut -f1)" "$((SECONDS - start))"
}

if [[ ${1:-} == --list ]]; then
	for name in $(names); do printf '%-12s %s\n' "$name" "$(field "$name" 4)"; done
	exit 0
fi

try=
if [[ ${1:-} == --try ]]; then
	try=yes
	shift
fi
wanted=("$@")
[[ ${#wanted[@]} -gt 0 ]] || mapfile -t wanted < <(own_names)
for name in "${wanted[@]}"; do
	[[ -n $(field "$name" 1) ]] || die "unknown tool $name" "known tools: $(names | tr '\n' ' ')"
done
command -v go >/dev/null || die "the go command is not on PATH" "install Go 1.26 or newer"
command -v flock >/dev/null || die "the flock command is not on PATH" "install the package util-linux"

# The tools are programs of their own: no workspace, no module of ours, no cgo,
# and the toolchain at hand.
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
unset GOOS GOARCH
go_version=$(go env GOVERSION)
jobs=${SLEDGE_TOOLS_JOBS:-$(n=$(getconf _NPROCESSORS_ONLN); echo $((n < 4 ? n : 4)))}

mkdir -p "$tools_dir"
exec 9>"$tools_dir/.lock"
flock -n 9 || {
	printf 'tools: another build of the tools is running; waiting for it\n'
	flock 9
}
# Beside the target, so that mv is a rename; inside the lock, so leftovers of a
# killed run are nobody's.
rm -rf "$tools_dir"/.work.*
work=$(mktemp -d "$tools_dir/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

for name in "${wanted[@]}"; do build_tool "$name"; done
