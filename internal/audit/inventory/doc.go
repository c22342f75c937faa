// Package inventory reads S3 Inventories that are on this machine, as CSV or Parquet.
//
//	Open → Inventory → Each
//
// An inventory is hostile input of any size: a file is compared with the MD5 of its manifest
// before its first line is believed, and no line, column or footer is read beyond a bound. The
// package knows target.Listed alone; what lines are compared with is its caller's.
package inventory
