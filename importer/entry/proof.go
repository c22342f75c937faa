package entry

// Policy says what becomes of entries that S3 has no word for.
type Policy string

// The policies of the job file; "" is PolicyObject.
const (
	PolicyObject Policy = "object"
	PolicySkip   Policy = "skip"
	PolicyEmpty  Policy = "empty" // an object only of directories without entries
)

// Proof is how an object was proven; a longer proof is not a better one, see atLeast.
type Proof string

// The levels, weakest first.
const (
	ProofNone     Proof = ""
	ProofCRC      Proof = "store crc64nvme"
	ProofSHA256   Proof = "store sha256"
	ProofReadBack Proof = "read-back sha256"
)

var proofOrder = map[Proof]int{ProofNone: 0, ProofCRC: 1, ProofSHA256: 2, ProofReadBack: 3}

func (p Proof) AtLeast(q Proof) bool { return proofOrder[p] >= proofOrder[q] }

// Known reports whether the proof is one of the levels.
func (p Proof) Known() bool { _, ok := proofOrder[p]; return ok }
