#!/usr/bin/env bash
# version.sh prints the version of this tree: VERSION from the environment, else what
# git describe says, else devel. A name that would be more than a version to a shell,
# a file system or the linker's flags is refused: tags come from other people, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || printf 'devel\n')}
LC_ALL=C
[[ $version =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*$ ]] || {
	printf 'version: %q is no version: letters, digits and . _ + - only\nhint: make … VERSION=v1.2.3, or a tag of such a name\n' "$version" >&2
	exit 1
}
printf '%s\n' "$version"
