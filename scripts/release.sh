#!/usr/bin/env bash
# release.sh builds the static programs for release into build/release, with
# their SHA-256 sums, from what git has of the present commit and nothing else. A
# tree with changes, or with files that git does not know, is refused. Everything is
# built twice, in two folders and the second time with an empty build cache; the two
# must be equal byte for byte.
#
#	[VERSION=v1.2.3] scripts/release.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
changes=$(git status --porcelain --untracked-files=all)
[[ -z $changes ]] || {
	printf 'release: the tree is not what git has of it:\n%s\nhint: commit it, or work in a fresh clone\n' "$changes" >&2
	exit 1
}
version=$(scripts/version.sh)
commit=$(git rev-parse --verify HEAD)
platforms=(linux/amd64 linux/arm64)
out=$PWD/build/release

work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT

# build NAME builds every platform from the commit's files in a folder of that name.
build() {
	local platform
	mkdir -p "$work/$1/src" "$work/$1/bin"
	git archive --format=tar "$commit" | tar -xf - -C "$work/$1/src"
	for platform in "${platforms[@]}"; do
		printf 'release: %s ...\n' "$platform"
		(cd "$work/$1/src" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly GOOS=${platform%/*} GOARCH=${platform#*/} \
			go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$version" \
			-o "$work/$1/bin/sledge-$version-${platform/\//-}" ./cmd/sledge)
	done
}

build first
printf 'release: once more, elsewhere, without a build cache\n'
GOCACHE=$work/cache build second

for file in "$work"/first/bin/*; do
	cmp "$file" "$work/second/bin/${file##*/}" || {
		printf 'release: %s is not reproducible\nhint: look for a path or a time in the build\n' "${file##*/}" >&2
		exit 1
	}
done
rm -rf "$out"
mkdir -p "$out"
mv "$work"/first/bin/* "$out/"
(cd "$out" && sha256sum -- sledge-* >SHA256SUMS && cat SHA256SUMS)
printf 'release: in build/release, reproducible\n'
