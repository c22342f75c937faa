// Package union is what the imports of several devices of one job come to together.
//
//	New → Add a list, or Plan an object, for each device → Report
//
// A key that several devices have stands in the target once, so it counts once. The package reads
// lists and records. It asks no store, opens no device, and judges by the manifest's own checksums.
package union
