#!/usr/bin/env bash
# deps.sh sees to the Debian packages whose commands the tests and the demo
# call. What is there already, from whatever source, is left alone. Where there
# is no apt-get, or no right to use it, the missing packages are named and the
# script goes on: the tests that need them then say so.
#
#	scripts/deps.sh COMMAND=PACKAGE[,PACKAGE] ...
#
# COMMAND may be empty: the package has none, and is asked for by its name.
set -euo pipefail

installed() {
	[[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

missing=()
for pair in "$@"; do
	command -v "${pair%%=*}" >/dev/null && continue
	IFS=, read -ra packages <<<"${pair#*=}"
	for package in "${packages[@]}"; do
		installed "$package" || missing+=("$package")
	done
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

# go_on says what is missing and why it was not installed.
go_on() {
	printf 'deps: missing packages: %s (%s)\n' "${missing[*]}" "$1" >&2
	printf 'hint: install them with the package manager of this system; going on without\n' >&2
	exit 0
}

command -v apt-get >/dev/null || go_on 'this system has no apt-get'
as_root=()
if [[ $(id -u) -ne 0 ]]; then
	command -v sudo >/dev/null || go_on 'not root, and there is no sudo'
	as_root=(sudo)
fi

printf 'deps: installing %s ...\n' "${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A list that cannot be renewed whole may still do, so only the install counts.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 || true
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	printf 'deps: cannot install %s\n' "${missing[*]}" >&2
	printf 'hint: see the lines above; install the packages by hand and run the same command again\n' >&2
	exit 1
fi
