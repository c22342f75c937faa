#!/usr/bin/env bash
# test.sh reads the sample device with programs that were written from docs/format.md alone: whole, and with each disk missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
sample=../../appliance/testdata/v1
export PYTHONDONTWRITEBYTECODE=1

python3 -c 'from cryptography.hazmat.primitives import hpke; hpke.KEM.MLKEM768_X25519' 2>/dev/null || {
	echo "skipped: python3 with cryptography is absent"
	exit 0
}

fail() {
	echo "crosscheck: $1" >&2
	exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$sample/keys.json" "$1"; }
python3 -c 'import json, sys
for name, sum in sorted(json.load(open(sys.argv[1]))["files"].items()): print(sum, name)' "$sample/keys.json" >"$work/want"

# check NAME EXIT DISK...: verify.py's exit status, and with either key the SHA-256 of every file.
check() {
	local name=$1 want=$2 got=0
	shift 2
	python3 verify.py "$@" --trust "$sample/signer.pub" --label "$sample/label.txt" >"$work/out" || got=$?
	[[ $got == "$want" ]] || { cat "$work/out" >&2; fail "$name: verify.py exits $got, not $want"; }
	for how in "--key $(key load_key)" "--site-key $(key site_key)"; do
		rm -rf "$work/files"
		# shellcheck disable=SC2086
		python3 read.py "$@" --trust "$sample/signer.pub" $how --extract "$work/files" || fail "$name: read.py ${how%% *}"
		(cd "$work/files" && find . -type f -printf '%P\n' | LC_ALL=C sort | while IFS= read -r f; do
			echo "$(sha256sum <"$f" | cut -c1-64) $f"
		done) | LC_ALL=C sort -k2 >"$work/got"
		diff "$work/want" "$work/got" >&2 || fail "$name: read.py ${how%% *}: other files than were loaded"
	done
	echo "crosscheck: $name: ok"
}

check "clean" 0 "$sample"/disk{0,1,2}
check "disk 0 missing" 1 "$sample"/disk{1,2}
check "disk 1 missing" 1 "$sample"/disk{0,2}
check "disk 2 missing" 1 "$sample"/disk{0,1}
got=0
python3 verify.py "$sample/disk1" --trust "$sample/signer.pub" >/dev/null || got=$?
[[ $got == 2 ]] || fail "two disks missing: verify.py exits $got, not 2"
! python3 read.py "$sample/disk1" --key "$(key load_key)" --list >/dev/null 2>&1 || fail "two disks missing: read.py succeeds"
echo "crosscheck: two disks missing: refused"
