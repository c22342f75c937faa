// Package sumlist writes the SHA-256 of files as sha256sum -c reads it.
//
// The digests are those that a loader has computed and a device has signed; none is computed
// here. Records come from a device's manifest, or from receipts, of which a page is written only
// once its root is proven. What can have no line is counted and named. It may import the format,
// the verifier's records and texts for a terminal. It opens nothing and decides no exit code.
package sumlist
