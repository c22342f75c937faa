#!/usr/bin/env bash
# verifyflags.sh prints how sledge-verify is built for a release, a flag a line: small, without
# the processor's vector instructions for the parity and calls of ours put inline, and without a
# trace of the place.
#
#	scripts/verifyflags.sh VERSION
printf '%s\n' -trimpath -buildvcs=false -tags noasm '-gcflags=github.com/sledge-io/sledge/...=-l' -ldflags "-s -w -buildid= -X main.version=$1"
