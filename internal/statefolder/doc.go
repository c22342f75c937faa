// Package statefolder finds out what imports have left on this machine, and steers those that
// are at work.
//
// A state folder holds one import or several: their status, their receipts, and the mark of a
// run that was given up. After a takeover they are not where they were. Whoever looks, or asks a
// run to pause, goes by these files alone: no key, no disk and no target is needed.
//
// A status is a run's own word and is not synced, so one that cannot be read says nothing. The
// package may import the importer's names for these files, and the account of them
// (importreport). It writes the control file of a run and nothing else.
package statefolder
