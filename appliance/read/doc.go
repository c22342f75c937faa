// Package read is a sealed device that is read: a Set is one whose chain has been verified, from
// the job signer's key over job file, device key and checkpoint to the log; a Reader adds the load
// key and gives records and contents.
//
// Every byte that a Reader gives out has been proven: a record by its page's signed hash, a
// segment by its tag. What the disks at hand cannot give is disk.ErrLost, and what the keyless
// verifier refuses is ErrRefused.
//
// It imports the disks, packs, the manifest and the keyless verifier. It writes nothing, to disks
// or elsewhere, and knows no unsealed device.
package read
