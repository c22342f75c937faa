#!/usr/bin/env bash
# release.sh builds the static programs for release into build/release, with
# their SHA-256 sums. Everything is built twice, the second time from a copy of
# the sources in another folder with an empty build cache; the two must be
# equal byte for byte.
#
#	scripts/release.sh VERSION
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:?wants a version}
platforms=(linux/amd64 linux/arm64)
out=$PWD/build/release

if [[ $version == *-dirty ]]; then
	printf 'release: the tree has changes that are not committed; the version says so: %s\n' "$version" >&2
fi
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT

# build FOLDER builds every platform from the sources in the current folder.
build() {
	local platform
	for platform in "${platforms[@]}"; do
		printf 'release: %s ...\n' "$platform"
		CGO_ENABLED=0 GOWORK=off GOOS=${platform%/*} GOARCH=${platform#*/} \
			go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$version" \
			-o "$1/sledge-$version-${platform/\//-}" ./cmd/sledge
	done
}

mkdir -p "$work/first" "$work/second" "$work/src"
build "$work/first"
# What git knows or would take in; a file that is deleted but not committed is left out.
git ls-files -z --cached --others --exclude-standard |
	while IFS= read -r -d '' file; do if [[ -e $file ]]; then printf '%s\0' "$file"; fi; done |
	tar --null -T - -cf - | tar -xf - -C "$work/src"
printf 'release: once more, from a copy, without a build cache\n'
(cd "$work/src" && GOCACHE=$work/cache build "$work/second")

for file in "$work"/first/*; do
	cmp "$file" "$work/second/${file##*/}" || {
		printf 'release: %s is not reproducible\nhint: look for a path, a time or a file outside git in the build\n' "${file##*/}" >&2
		exit 1
	}
done
rm -rf "$out"
mkdir -p "$out"
mv "$work"/first/* "$out/"
(cd "$out" && sha256sum -- sledge-* >SHA256SUMS && cat SHA256SUMS)
printf 'release: in build/release, reproducible\n'
