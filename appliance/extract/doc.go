// Package extract writes the entries of a sealed device below a folder: files with holes, modes,
// times and extended attributes, links linked again.
//
// A file gets its name when every byte is written, proven by the record's digests and, as the
// folder's file system has it, on the disk. Nothing is overwritten and nothing leaves the folder,
// whatever names and links say. What one entry's failure is about is in the report; the others go
// on.
//
// It imports the reader of a sealed device and what that is made of. It knows no disks' layout and
// nothing of loading.
package extract
