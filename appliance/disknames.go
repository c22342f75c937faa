package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/manifest"
)

// Names of files on a disk (docs/format.md section 2).
const (
	headerName = Root + "/disk.header"
	markName   = Root + "/rebuilding"
	jobName    = Root + "/job.dsse"
	unlockName = Root + "/wraps/unlock"
	wrapsDir   = Root + "/wraps"
	packsDir   = Root + "/packs"
	logDir     = Root + "/log"
	cpName     = logDir + "/checkpoint"
	sealName   = Root + "/statements/seal.dsse"
	journalDir = Root + "/journal"
	tmpDir     = Root + "/tmp"
	maxHeader  = 4096
	maxDisks   = manifest.MaxBays
)

func packDir(id manifest.ID) string { return packsDir + "/" + id.String()[:2] }

func shardName(id manifest.ID, shard int) string {
	return fmt.Sprintf("%s/%s.%02d.shard", packDir(id), id, shard)
}

func pieceName(id manifest.ID, shard int) string {
	return fmt.Sprintf("%s/%s.%02d.piece", packDir(id), id, shard)
}

func hashesName(id manifest.ID) string { return fmt.Sprintf("%s/%s.hashes", packDir(id), id) }
