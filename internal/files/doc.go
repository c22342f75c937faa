// Package files reads and writes files by the names that an operator gives: reads of bounded
// length, reads below folders that others sent, and new files that replace nothing.
//
// Returned nil from New and WriteNew means that file and name are durable. Disks of a device
// and state folders are not its business: package durable writes those, by way of vfs. It
// imports vfs for plain folders and terminal for sizes, and never overwrites.
package files
