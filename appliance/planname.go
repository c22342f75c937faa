package appliance

import (
	"github.com/sledge-io/sledge/appliance/disk"
)

// planName is the statement's predicate, kept until it is signed: nothing is
// signed before the ledger has the checkpoint.
const planName = disk.TempDir + "/seal.json"
