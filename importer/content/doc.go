// Package content cuts what an import sends into parts, hashes them, hands them out as
// payload, and says what an object must be.
//
// It makes no request, and keeps nothing: who sends a Body gives its pace and its watch.
// It imports the manifest's records, the target's words and entry, and no other part of
// the importer.
package content
