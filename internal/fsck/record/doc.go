// Package record parses the manifest's records (format.md 7.2) as far as they can be
// checked without the key, and joins the lists of a long entry's continuations. It
// believes nothing: a record counts once its commitment is proven.
//
//	r, err := record.Parse(raw)
package record
