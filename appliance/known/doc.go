// Package known compares a scan, entry by entry in the manifest's order, with what a device holds:
// what is new, what has changed, what is gone, and what another source has taken. Its entries are
// those of package catalog, so what is compared is what the seal will take.
//
// It imports the scan and the catalog. It opens no disk and no source.
package known
