package disk

import (
	"fmt"

	"github.com/sledge-io/sledge/manifest"
)

// Names of files on a disk (docs/format.md section 2).
const (
	HeaderName     = Root + "/disk.header"
	MarkName       = Root + "/rebuilding"
	JobName        = Root + "/job.dsse"
	UnlockName     = Root + "/wraps/unlock"
	WrapsDir       = Root + "/wraps"
	PacksDir       = Root + "/packs"
	LogDir         = Root + "/log"
	CheckpointName = LogDir + "/checkpoint"
	SealName       = Root + "/statements/seal.dsse"
	JournalDir     = Root + "/journal"
	TempDir        = Root + "/tmp"
	maxHeader      = 4096
	MaxDisks       = manifest.MaxBays
)

func PackDir(id manifest.ID) string { return PacksDir + "/" + id.String()[:2] }

func ShardName(id manifest.ID, shard int) string {
	return fmt.Sprintf("%s/%s.%02d.shard", PackDir(id), id, shard)
}

func PieceName(id manifest.ID, shard int) string {
	return fmt.Sprintf("%s/%s.%02d.piece", PackDir(id), id, shard)
}

func HashesName(id manifest.ID) string { return fmt.Sprintf("%s/%s.hashes", PackDir(id), id) }

// PlanName is the statement's predicate, kept until it is signed: nothing is
// signed before the ledger has the checkpoint.
const PlanName = TempDir + "/seal.json"
