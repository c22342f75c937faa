#!/usr/bin/env bash
# outside.sh fetches other people's programs, at pinned versions, into
# build/outside/GUEST, where "make outside" runs sledge against them. Nothing is
# installed into the system. A guest is fetched when its stamp
# (build/outside/GUEST.version) does not name its pin. One that cannot be had is
# named, its reason is left in build/outside/GUEST.missing for the test that skips
# it, and the script goes on.
#
#	scripts/outside.sh [--list | GUEST ...]
#
# A new guest is a line in the table, and a function from_SOURCE where it comes from
# a source that has none: it is called with the guest's line, works in the folder
# that becomes the guest's, and says why it fails by "lacks REASON".
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
outside_dir=$PWD/build/outside

# guest | source | what there | version; a Debian package's version may have more behind it,
# and "any" is of programs that Debian renews by security updates and does not keep
guest_table='
ceph     | debian | ceph-mon ceph-osd radosgw | 16.2.15
chromium | debian | chromium fonts-dejavu-core | any
chroot   | debootstrap | lintian mandoc | any
witness  | module | github.com/transparency-dev/witness cmd/omniwitness | v0.0.0-20260720115447-2e1c6971d19e
'

limit=400 # seconds a guest, so that a dead mirror does not stop the lane

# field NAME COLUMN prints one column of the table, nothing for an unknown name.
field() {
	awk -F'|' -v name="$1" -v col="$2" '
		{ for (i = 1; i <= NF; i++) gsub(/^[ \t]+|[ \t]+$/, "", $i) }
		$1 == name { print $col }' <<<"$guest_table"
}

names() { awk -F'|' 'NF > 1 { gsub(/[ \t]/, "", $1); print $1 }' <<<"$guest_table"; }

# lacks says why the guest cannot be had, and ends its fetching.
lacks() {
	printf '%s\n' "$1" >"$reason"
	exit 1
}

# apt runs an apt command with lists and caches of our own, so that it needs no root
# and leaves the system's as they are. Signatures and sums are checked as ever.
apt() {
	mkdir -p "$outside_dir/.apt/lists/partial" "$outside_dir/.apt/cache/archives/partial"
	"$1" -qq -o Dir::State::Lists="$outside_dir/.apt/lists" -o Dir::Cache="$outside_dir/.apt/cache" \
		-o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true "${@:2}"
}

# from_debian unpacks packages and all that they need and this machine lacks. The file
# "packages" names them with their versions.
from_debian() {
	local package found
	local -a wanted pinned
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || lacks 'this system has no apt-get and dpkg-deb'
	apt apt-get update || true # a list that cannot be renewed may still do
	read -ra wanted <<<"$2"
	for package in "${wanted[@]}"; do
		found=$(apt apt-cache policy "$package" | awk '$1 == "Candidate:" { print $2 }')
		[[ $3 == any && $found != '(none)' || $found == "$3" || $found == "$3"[+~-]* ]] || lacks "$package $3 is pinned, and apt has ${found:-none}"
		pinned+=("$package=$found")
	done
	apt apt-get -s --no-install-recommends install "${pinned[@]}" |
		sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' >packages || lacks "apt-get cannot tell what ${pinned[*]} need"
	[[ -s packages ]] || return 0 # all of it is installed
	mkdir .debs
	mapfile -t pinned <packages
	(cd .debs && apt apt-get download "${pinned[@]}") || lacks 'the packages cannot be downloaded'
	for package in .debs/*.deb; do dpkg-deb -x "$package" .; done
	rm -r .debs
	find . -perm /6000 -exec chmod a-s {} + # nothing here acts as another user
}

# from_debootstrap makes the root of a small Debian of this system's release, from where this
# system has its packages, and installs packages in it. Tests install ours there.
from_debootstrap() {
	local tool=$work/debootstrap site codename
	[[ $(id -u) -eq 0 ]] || lacks 'making the root of a system needs root'
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || lacks 'this system has no apt-get and dpkg-deb'
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	site=$(apt-get indextargets --format '$(SITE) $(CODENAME)' "Component: main" | awk -v name="$codename" '$2 == name { print $1; exit }')
	[[ -n $site ]] || lacks "apt does not say where the packages of ${codename:-this system} come from"
	apt apt-get update || true
	mkdir "$tool"
	(cd "$tool" && apt apt-get download debootstrap) || lacks 'debootstrap cannot be downloaded'
	dpkg-deb -x "$tool"/debootstrap*.deb "$tool"
	DEBOOTSTRAP_DIR=$tool/usr/share/debootstrap "$tool/usr/sbin/debootstrap" --variant=minbase "$codename" "$PWD" "$site" || lacks 'debootstrap failed: see the lines above'
	# shellcheck disable=SC2086
	chroot . env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $2 || lacks "$2 cannot be installed there"
	unmounted "$PWD/"
	rm -rf ./var/cache/apt/archives/*.deb ./var/lib/apt/lists/*
}

# unmounted takes away what a fetching that was cut short has left mounted below a folder: nothing
# is removed through a mount.
unmounted() {
	local at
	awk -v below="$1" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r at; do umount "$at"; done
}

# from_module builds a program of a Go module, as a program of its own.
from_module() {
	local module package name
	read -r module package <<<"$2"
	name=${package##*/}
	command -v go >/dev/null || lacks 'the go command is not on PATH'
	mkdir .build
	printf 'module guest.invalid\n\ngo 1.26.0\n\nrequire %s %s\n' "$module" "$3" >.build/go.mod
	(cd .build && GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -mod=mod" GOBIN=$PWD/.. go install -trimpath -ldflags='-s -w' "$module/$package") ||
		lacks "$module/$package at $3 cannot be built, or the module registry cannot be reached"
	rm -r .build
	[[ -x $name ]] || lacks "$name was not built"
}

# fetch has another process of this script do the work, so that its time can be limited.
fetch() {
	local name=$1 start=$SECONDS want
	want="$(field "$name" 2) $(field "$name" 3) $(field "$name" 4)"
	[[ "$(cat "$outside_dir/$name.version" 2>/dev/null)" != "$want" ]] || return 0
	printf 'outside: fetching %s (once) ...\n' "$want"
	# The stamp goes first and comes back last: what was cut short is fetched again.
	rm -rf "$outside_dir/$name.version" "$outside_dir/$name.missing" "${outside_dir:?}/$name"
	mkdir "$work/$name"
	printf 'its fetching failed or took more than %s seconds\n' "$limit" >"$work/reason"
	if ! timeout --kill-after=10 "$limit" bash "$PWD/scripts/outside.sh" --into "$work" "$name" >"$work/log" 2>&1; then
		tail -n 20 "$work/log" >&2
		printf 'outside: %s cannot be had, going on without: %s\n' "$name" "$(<"$work/reason")" >&2
		mv "$work/reason" "$outside_dir/$name.missing"
		return 0
	fi
	mv "$work/$name" "$outside_dir/$name"
	printf '%s\n' "$want" >"$outside_dir/$name.version"
	printf 'outside: %s ready, %s MiB, %s s\n' "$name" "$(du -sm "$outside_dir/$name" | cut -f1)" "$((SECONDS - start))"
}

if [[ ${1:-} == --list ]]; then
	for name in $(names); do printf '%-12s %-8s %s\n' "$name" "$(field "$name" 2)" "$(field "$name" 4)"; done
	exit 0
fi

if [[ ${1:-} == --into ]]; then # called by fetch
	work=$2 reason=$2/reason
	cd "$work/$3"
	"from_$(field "$3" 2)" "$3" "$(field "$3" 3)" "$(field "$3" 4)"
	exit 0
fi

wanted=("$@")
[[ ${#wanted[@]} -gt 0 ]] || mapfile -t wanted < <(names)
for name in "${wanted[@]}"; do
	[[ -n $(field "$name" 1) ]] || { printf 'outside: unknown guest %s\nhint: known guests: %s\n' "$name" "$(names | tr '\n' ' ')" >&2; exit 1; }
done

command -v flock >/dev/null || { printf 'outside: the flock command is not on PATH\nhint: install the package util-linux\n' >&2; exit 1; }
mkdir -p "$outside_dir"
exec 9>"$outside_dir/.lock"
flock 9
# Inside the lock, so leftovers of a killed run are nobody's.
unmounted "$outside_dir/.work."
rm -rf "$outside_dir"/.work.*
work=$(mktemp -d "$outside_dir/.work.XXXXXX")
trap 'unmounted "$work/" && rm -rf "$work"' EXIT

for name in "${wanted[@]}"; do fetch "$name"; done
