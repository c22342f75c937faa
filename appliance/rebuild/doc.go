// Package rebuild writes a bay's disk again, onto a new one, without any key: shards from any k
// good blocks of each stripe, proven against the signed hashes; journals and scan lists, each
// frame from whichever disk has it whole; what is the same on every disk, from a verified copy.
//
// Nothing is copied that has not been verified, and what no disk has is named. A disk counts as a
// member of the device only when everything is on it.
//
// It imports what reads disks, frames, packs and a sealed device. It opens no device, and knows
// nothing of loading and sealing but what they leave on the disks.
package rebuild
