// Package filter decides by name, size, age and place which entries of a source a scan leaves out.
//
//	flags → Spec → New → Set: Path before an entry is looked at, File after, Tag when a folder is opened
//
// It opens no file: what it is told of an entry is all that it knows. docs/field.md has its rules
// beside those of restic and rclone.
package filter
