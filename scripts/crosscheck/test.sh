#!/usr/bin/env bash
# test.sh reads the sample device with programs that were written from docs/format.md alone: whole, with each disk missing,
# and with the same bytes in base64 that is not canonical.
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

# loose FILE HOW: verify.py refuses the device when on all its disks the last base64 of FILE is written in another way.
loose() {
	local file=$1 how=$2 got=0
	rm -rf "$work/disks"
	mkdir "$work/disks"
	cp -r "$sample"/disk{0,1,2} "$work/disks"
	python3 - "$how" "$work/disks"/disk*/sledge/"$file" <<'EOF' || fail "$file: cannot make it loose"
import base64, re, sys
alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
for path in sys.argv[2:]:
    text = open(path, encoding="utf-8").read()
    found = list(re.finditer(r"[A-Za-z0-9+/]{40,}=+", text))[-1]
    old = found.group()
    body, padding = old.rstrip("="), old.count("=") * "="
    new = {"spare bits": body[:-1] + alphabet[alphabet.index(body[-1]) + 1] + padding,
           "line end": body[:8] + "\\n" + body[8:] + padding,
           "space": body[:8] + " " + body[8:] + padding,
           "no padding": body,
           "padding twice": old + "="}[sys.argv[1]]
    assert sys.argv[1] != "spare bits" or base64.b64decode(new) == base64.b64decode(old)
    open(path, "w", encoding="utf-8").write(text[:found.start()] + new + text[found.end():])
EOF
	python3 verify.py "$work/disks"/disk{0,1,2} --trust "$sample/signer.pub" --label "$sample/label.txt" >"$work/out" || got=$?
	[[ $got == 2 ]] || { cat "$work/out" >&2; fail "$file, $how: verify.py exits $got, not 2"; }
	grep -Eq "base64|malformed|not three lines" "$work/out" || { cat "$work/out" >&2; fail "$file, $how: refused for another reason"; }
}

for file in job.dsse log/checkpoint; do
	for how in "spare bits" "line end" "space" "no padding" "padding twice"; do
		loose "$file" "$how"
	done
done
python3 - <<'EOF' || fail "base64"
from sledgefmt import Bad, unbase64
assert unbase64("") == b"" and unbase64("QQ==") == b"A" and unbase64("+/A=") == b"\xfb\xf0"
for text in "QR== QQ= QQ QQ=== QQ==QQ== =QQ= Q -_A= \u00e9Q==".split() + [" QQ==", "QQ==\n", "Q\nQ==", "QQ ==", "\r"]:
    try:
        unbase64(text)
    except Bad:
        continue
    raise SystemExit(f"{text!r} is taken")
EOF
echo "crosscheck: base64 that is not canonical: refused"
