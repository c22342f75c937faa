// Package seal makes a generation final: it sorts all committed records into encrypted pages and
// index packs, writes the log on every disk, records size and root of it outside the disks, signs
// them, and destroys what only loading needs.
//
// Run is the seal of an open device, which it asks through Device; before the checkpoint is on
// record a repeated Run starts anew. Finish is what is left once it is, and needs no load key. Nothing
// is signed while a shard that the log names is neither there nor can be made again.
//
// It imports the rooms of what lies on the disks, and the rebuild of a shard. It knows no source
// and no load.
package seal
