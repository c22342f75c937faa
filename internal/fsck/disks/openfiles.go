package disks

// OpenFiles is how many files a check of so many disks holds open at most: of each
// pack under work every disk's shard, copy of the hash list and piece, of each disk
// its folder and one small file, with the folders on the way to a name.
func OpenFiles(disks, workers int) int {
	const (
		ofProcess = 24 // streams, poller, what libraries keep
		perDisk   = 3
		perWorker = 4
	)
	return ofProcess + perDisk*disks + workers*(3*disks+perWorker)
}
