// Package wraps is the load key on the disks: which wraps a job asks for, which of those that lie
// there count, and what is wrong with the others. Wraps to the site and to recovery are the same
// files on every disk, each named by its hash.
//
// It imports the disks and the format. It knows no device: whoever prepares, seals or rebuilds one
// asks it.
package wraps
