// Package disks verifies a device on its disks: the chain from the job signer to the last
// entry of the log, the pages, every block of every pack, and what else lies there. Who
// holds something else to a device's manifest starts with [New], then [Check.Run].
package disks
