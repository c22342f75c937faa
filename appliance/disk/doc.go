// Package disk is the disks of one device: the names of files on them, headers and locks, the
// bays of a device that is loaded, the files of one whose disks are there in any order, the
// writer of one disk, and whose fault an error is.
//
// It imports the format's numbers, durable files and the system below them. It holds no key and
// knows no frames, packs or manifests: what a file holds is its caller's. It decides nothing for
// a device. A disk that failed stays failed, and an error that the disk is not to blame for is
// kept apart from those that it is.
package disk
