// Package keyless has the verbs of the verifier that needs no key: what "sledge verify" and
// the small program sledge-verify do alike. Their words, reports, errors, exit codes and JSON
// are here once.
//
// It reads what it is given by the independent verifier (internal/fsck) and asks no network:
// nothing that it imports links package net, which a test of cmd/sledge-verify holds. Whatever
// the two programs do in ways of their own (where an import's state folder keeps its receipts,
// how progress is shown) a [Session] brings.
package keyless
