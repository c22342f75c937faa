#!/usr/bin/env bash
# release.sh makes a release in build/release from what git has of the present commit and
# nothing else: programs, packages, the verifier's page, sources, what is linked, and the
# SHA-256 of each. A tree with changes, or with files that git does not know, is refused.
# Everything is built twice, in two folders and the second time with an empty build cache; the
# two must be equal byte for byte.
#
#	[VERSION=v1.2.3] [PARTS='programs …'] [PLATFORMS='linux/amd64 …'] [RELEASE_KEY=FILE] [SSH_KEY=FILE] scripts/release.sh
#
# RELEASE_KEY is an Ed25519 key in PEM (openssl genpkey -algorithm ed25519), SSH_KEY one of
# ssh-keygen. Without them nothing is signed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
changes=$(git status --porcelain --untracked-files=all)
[[ -z $changes ]] || {
	printf 'release: the tree is not what git has of it:\n%s\nhint: commit it, or work in a fresh clone\n' "$changes" >&2
	exit 1
}
version=$(scripts/version.sh)
commit=$(git rev-parse --verify HEAD)
when=$(git log -1 --format=%ct "$commit")
out=$PWD/build/release
read -ra parts <<<"${PARTS:-programs verifier packages sources sbom}"
for key in "${RELEASE_KEY:-}" "${SSH_KEY:-}"; do
	[[ -z $key || -r $key ]] || { printf 'release: no key in %s\n' "$key" >&2; exit 1; }
done
[[ " ${parts[*]} " != *' sbom '* ]] || scripts/tools.sh cyclonedx-gomod
export TOOLS=$PWD/build/tools

work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT

# build NAME builds everything from the commit's files in a folder of that name.
build() {
	mkdir -p "$work/$1/src"
	git archive --format=tar "$commit" | tar -xf - -C "$work/$1/src"
	"$work/$1/src/scripts/release-build.sh" "$version" "$when" "$work/$1/out" "${parts[@]}"
}

build first
printf 'release: once more, elsewhere, without a build cache\n'
GOCACHE=$work/cache build second

diff <(ls "$work/first/out") <(ls "$work/second/out") || { printf 'release: the two have other files\n' >&2; exit 1; }
for file in "$work"/first/out/*; do
	cmp "$file" "$work/second/out/${file##*/}" || {
		printf 'release: %s is not reproducible\nhint: look for a path or a time in the build\n' "${file##*/}" >&2
		exit 1
	}
done
rm -rf "$out"
mkdir -p "$out"
mv "$work"/first/out/* "$out/"
(cd "$out" && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS && cat SHA256SUMS)
if [[ -n ${RELEASE_KEY:-} ]]; then
	go run ./scripts/sign -key "$RELEASE_KEY" -version "$version" -commit "$commit" "$out"
fi
if [[ -n ${SSH_KEY:-} ]]; then
	ssh-keygen -q -Y sign -f "$SSH_KEY" -n sledge-release - <"$out/SHA256SUMS" >"$work/sig"
	mv "$work/sig" "$out/SHA256SUMS.sig"
fi
printf 'release: in build/release, reproducible, %s\n' "$([[ -n ${RELEASE_KEY:-}${SSH_KEY:-} ]] && echo signed || echo 'not signed: give RELEASE_KEY=FILE and SSH_KEY=FILE')"
