#!/usr/bin/env bash
# verify-release.sh checks a release that somebody has fetched: that its files are those of its
# sums, who signed them, and, in a clone of the repository, that the named commit gives the same
# bytes. It says what it did not check.
#
#	scripts/verify-release.sh [--key release.pub] [--ssh allowed_signers] [--no-build] DIR
#
# The keys come from another place than the release. The build needs the Go that the release
# was built with, and takes as long as making one.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
key='' ssh='' build=yes
while [[ ${1:-} == --* ]]; do
	case $1 in
	--key) key=$(realpath "$2") && shift 2 ;;
	--ssh) ssh=$(realpath "$2") && shift 2 ;;
	--no-build) build='' && shift ;;
	*) printf 'verify-release: unknown flag %s\n' "$1" >&2 && exit 2 ;;
	esac
done
[[ $# -eq 1 && -d $1 ]] || { printf 'verify-release: give the folder of the release\n' >&2; exit 2; }
dir=$(realpath "$1")
cd "$root"
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'verify-release: REFUSED: %s\n' "$1" >&2; exit 1; }
unchecked=()

(cd "$dir" && sha256sum --quiet --strict -c SHA256SUMS) || fail 'a file is not what SHA256SUMS says'
listed=$(cut -c67- "$dir/SHA256SUMS" | LC_ALL=C sort)
here=$(cd "$dir" && LC_ALL=C ls | grep -vxE 'SHA256SUMS(\.note|\.sig)?|provenance\.intoto\.sigstore\.json')
[[ $listed == "$here" ]] || fail 'SHA256SUMS does not list what is here'
printf 'sums        all files are what SHA256SUMS says\n'

if [[ -n $key ]]; then
	go run ./scripts/sign -pub "$key" "$dir" >"$work/said" || fail 'note or provenance'
	printf 'signed      note and provenance, by %s\n' "$key"
else
	unchecked+=('note and provenance (--key)')
fi
if [[ -n $ssh ]]; then
	who=$(ssh-keygen -Y find-principals -f "$ssh" -s "$dir/SHA256SUMS.sig" 2>/dev/null) || fail 'SHA256SUMS.sig is of nobody in the list of signers'
	ssh-keygen -q -Y verify -f "$ssh" -I "${who%%$'\n'*}" -n sledge-release -s "$dir/SHA256SUMS.sig" <"$dir/SHA256SUMS" >/dev/null || fail 'SHA256SUMS.sig'
	printf 'signed      SHA256SUMS, by %s over SSH\n' "${who%%$'\n'*}"
else
	unchecked+=('SHA256SUMS.sig (--ssh)')
fi

if [[ -n $build ]]; then
	[[ -n $key ]] || fail 'which commit it was built from, only a signed provenance says: give --key, or --no-build'
	version=$(sed -n 's/^version //p' "$work/said") commit=$(sed -n 's/^commit //p' "$work/said")
	git cat-file -e "$commit^{commit}" 2>/dev/null || fail "this clone does not have commit $commit"
	[[ ! -d $dir || ! -e $dir/sledge-$version.cdx.json ]] || scripts/tools.sh cyclonedx-gomod
	mkdir "$work/src"
	git archive --format=tar "$commit" | tar -xf - -C "$work/src"
	parts=()
	compgen -G "$dir/sledge-*-linux-*[0-9]" >/dev/null && parts+=(programs)
	compgen -G "$dir/sledge-verifier-*.html" >/dev/null && parts+=(verifier)
	compgen -G "$dir/*.deb" >/dev/null && parts+=(packages)
	compgen -G "$dir/*-source.tar.gz" >/dev/null && parts+=(sources)
	compgen -G "$dir/*.cdx.json" >/dev/null && parts+=(sbom)
	platforms=$(cd "$dir" && ls | sed -nE 's/^sledge-verify-.*-(linux|windows|darwin)-(amd64|arm64)(\.exe)?$/\1\/\2/p' | LC_ALL=C sort -u | tr '\n' ' ')
	TOOLS=$root/build/tools PLATFORMS=$platforms "$work/src/scripts/release-build.sh" "$version" "$(git log -1 --format=%ct "$commit")" "$work/out" "${parts[@]}"
	differ=()
	for file in $listed; do cmp -s "$dir/$file" "$work/out/$file" || differ+=("$file"); done
	[[ ${#differ[@]} -eq 0 ]] || fail "commit $commit gives other bytes for ${differ[*]} (this Go is $(go env GOVERSION))"
	printf 'built       commit %s gives the same bytes, every file\n' "$commit"
else
	unchecked+=('whether the sources give these programs')
fi
for what in "${unchecked[@]}"; do printf 'NOT CHECKED %s\n' "$what"; done
printf 'verify-release: %s\n' "$([[ ${#unchecked[@]} -eq 0 ]] && echo 'all is well' || echo 'what was checked is well')"
