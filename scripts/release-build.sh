#!/usr/bin/env bash
# release-build.sh makes everything of a release but its signatures, once, from the sources in the
# folder that it lies in. The same sources and the same Go give the same bytes, in whatever folder
# and whenever: times are the commit's, names are sorted, owners are root.
#
#	scripts/release-build.sh VERSION COMMIT-TIME OUT [PART ...]
#
# Parts: programs, verifier (the page), packages (.deb, tar.gz), sources, sbom. Without one all are
# made. PLATFORMS narrows the platforms of programs and packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$1 when=$2 out=$3
shift 3
parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(programs verifier packages sources sbom)
read -ra platforms <<<"${PLATFORMS:-linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64}"
limit=$((4 << 20)) # bytes of sledge-verify: it is sent by mail
export SOURCE_DATE_EPOCH=$when LC_ALL=C TZ=UTC CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
mkdir -p "$out"
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT

has() { [[ " ${parts[*]} " == *" $1 "* ]]; }
say() { printf 'release: %s ...\n' "$1"; }

# name PROGRAM PLATFORM is a program's file.
name() { printf '%s-%s-%s%s\n' "$1" "$version" "${2/\//-}" "$([[ $2 == windows/* ]] && echo .exe || true)"; }

# pack TAR.GZ FOLDER NAME packs a folder's NAME.
pack() { tar --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner --mode='u+rwX,go+rX,go-w' --format=ustar -cf - -C "$2" "$3" | gzip -9 -n >"$1"; }

programs() {
	local platform file flags
	mapfile -t flags < <(scripts/verifyflags.sh "$version")
	for platform in "${platforms[@]}"; do
		say "$platform"
		if [[ $platform == linux/* ]]; then
			GOOS=${platform%/*} GOARCH=${platform#*/} go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$version" \
				-o "$out/$(name sledge "$platform")" ./cmd/sledge
		fi
		file=$out/$(name sledge-verify "$platform")
		GOOS=${platform%/*} GOARCH=${platform#*/} go build "${flags[@]}" -o "$file" ./cmd/sledge-verify
		[[ $(wc -c <"$file") -le $limit ]] || {
			printf 'release: %s has %d bytes, at most %d are allowed\nhint: look for what it links: go list -deps ./cmd/sledge-verify\n' "${file##*/}" "$(wc -c <"$file")" "$limit" >&2
			exit 1
		}
	done
}

# texts makes what packages have beside the programs: manual pages, completions, licences.
texts() {
	local own
	say 'manual pages, completions, licences'
	mkdir -p "$work/texts/man1" "$work/texts/completions"
	own=$out/$(name sledge "linux/$(go env GOHOSTARCH)") # what was built for this machine can write them
	if [[ ! -x $own ]]; then
		own=$work/sledge
		go build -trimpath -buildvcs=false -ldflags "-X main.version=$version" -o "$own" ./cmd/sledge
	fi
	env -i "$own" man "$work/texts/man1" --date "$(date -u -d "@$when" +%F)" >/dev/null
	for shell in bash zsh fish; do env -i "$own" completion "$shell" >"$work/texts/completions/sledge.$shell"; done
	scripts/licences.sh >"$work/texts/THIRD-PARTY.txt"
}

packages() {
	local platform arch program folder
	texts
	for platform in "${platforms[@]}"; do
		for program in sledge sledge-verify; do
			[[ -e $out/$(name "$program" "$platform") ]] || continue
			say "packages of $program for $platform"
			folder=$program-$version-${platform/\//-}
			mkdir -p "$work/tar/$folder/man"
			cp "$out/$(name "$program" "$platform")" "$work/tar/$folder/$program$([[ $platform == windows/* ]] && echo .exe || true)"
			cp LICENSE README.md CHANGELOG.md "$work/texts/THIRD-PARTY.txt" docs/format.md docs/audit.md docs/exit-codes.md "$work/tar/$folder/"
			if [[ $program == sledge ]]; then
				cp "$work"/texts/man1/* "$work/tar/$folder/man/"
				cp -r "$work/texts/completions" packaging/systemd packaging/sysusers.d packaging/import.conf "$work/tar/$folder/"
			else
				cp "$work/texts/man1/sledge-verify.1" "$work/tar/$folder/man/"
			fi
			pack "$out/$folder.tar.gz" "$work/tar" "$folder"
			[[ $platform != linux/* ]] || scripts/package.sh "$program" "$version" "${platform#*/}" "$out/$(name "$program" "$platform")" "$work/texts" "$out"
		done
	done
}

sources() {
	say 'sources and vendored modules'
	mkdir -p "$work/src/sledge-$version"
	find . -type f ! -path './build/*' ! -path './.git/*' -printf '%P\0' | tar --null -T - -cf - | tar -xf - -C "$work/src/sledge-$version"
	pack "$out/sledge-$version-source.tar.gz" "$work/src" "sledge-$version"
	mkdir "$work/vendored"
	go mod vendor -o "$work/vendored/vendor"
	pack "$out/sledge-$version-vendor.tar.gz" "$work/vendored" vendor
}

# sbom lists what is linked, as the programs themselves say it. They are built once more for it, with
# the names that a stripped program lacks.
sbom() {
	local program
	for program in sledge sledge-verify; do
		say "parts of $program"
		GOOS=linux GOARCH=amd64 go build -trimpath -buildvcs=false -o "$work/$program.linked" "./cmd/$program"
		"${TOOLS:-build/tools}/cyclonedx-gomod" bin -json -noserial -notimestamp -version "$version" -output "$out/$program-$version.cdx.json" "$work/$program.linked" 2>"$work/sbom.log" || {
			cat "$work/sbom.log" >&2
			exit 1
		}
	done
}

verifier() {
	say 'the page of the verifier'
	go run ./scripts/verifier -version "$version" -out "$out/sledge-verifier-$version.html"
}

for part in programs verifier packages sources sbom; do
	! has "$part" || "$part"
done
