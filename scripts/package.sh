#!/usr/bin/env bash
# package.sh makes one Debian package from a program that is built already and the texts of
# release-build.sh. No root is needed, and the bytes are the same each time.
#
#	scripts/package.sh PROGRAM VERSION ARCH FILE TEXTS OUT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$1 version=$2 arch=$3 file=$4 texts=$5 out=$6
when=${SOURCE_DATE_EPOCH:?the time of the commit}

# A version of Debian begins with a digit; a hyphen parts what comes before a release (-rc.1) or
# after it (-5-gabc).
deb=${version#v}
[[ $deb =~ ^[0-9]+\. ]] || deb=0~git.$deb
deb=$(sed -E 's/-([0-9]+)-g([0-9a-f]+)/+\1.g\2/; s/-/~/; s/[^A-Za-z0-9.+~]/./g' <<<"$deb")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
put() { install -D -m "$1" "$2" "$root/$3"; }
zipped() { # MODE FILE NAME
	mkdir -p "$root/$(dirname "$3")"
	gzip -9 -n <"$2" >"$root/$3"
	chmod "$1" "$root/$3"
}

put 755 "$file" "usr/bin/$program"
put 644 packaging/debian/copyright "usr/share/doc/$program/copyright"
zipped 644 "$texts/THIRD-PARTY.txt" "usr/share/doc/$program/THIRD-PARTY.txt.gz"
put 644 "packaging/debian/overrides.$program" "usr/share/lintian/overrides/$program"
{
	printf '%s (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md of the sources.\n\n' "$program" "$deb"
	printf -- ' -- The sledge authors <sledge@sledge-io.invalid>  %s\n' "$(LC_ALL=C date -u -R -d "@$when")"
} >"$root/changelog"
zipped 644 "$root/changelog" "usr/share/doc/$program/changelog.gz"
rm "$root/changelog"
if [[ $program == sledge ]]; then
	for page in "$texts"/man1/*.1; do
		[[ ${page##*/} == sledge-verify.1 ]] || zipped 644 "$page" "usr/share/man/man1/${page##*/}.gz"
	done
	put 644 "$texts/completions/sledge.bash" usr/share/bash-completion/completions/sledge
	put 644 "$texts/completions/sledge.zsh" usr/share/zsh/vendor-completions/_sledge
	put 644 "$texts/completions/sledge.fish" usr/share/fish/vendor_completions.d/sledge.fish
	put 644 packaging/systemd/sledge-import@.service lib/systemd/system/sledge-import@.service
	put 644 packaging/sysusers.d/sledge.conf usr/lib/sysusers.d/sledge.conf
	put 644 packaging/import.conf usr/share/doc/sledge/examples/import.conf
	put 755 packaging/debian/postinst DEBIAN/postinst
	put 755 packaging/debian/postrm DEBIAN/postrm
else
	zipped 644 "$texts/man1/sledge-verify.1" usr/share/man/man1/sledge-verify.1.gz
fi
find "$root" -type d -exec chmod 755 {} +
mkdir -p "$root/DEBIAN"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' md5sum >DEBIAN/md5sums)
size=$(find "$root" -path "$root/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum + 0 }')
sed -e "s/@VERSION@/$deb/; s/@ARCH@/$arch/; s/@SIZE@/$size/" "packaging/debian/control.$program" >"$root/DEBIAN/control"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$when" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/${program}_${deb}_$arch.deb" >/dev/null
