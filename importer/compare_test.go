package importer

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

func TestCompare(t *testing.T) {
	one, two := [32]byte{1}, [32]byte{2}
	whole := [32]byte{9}
	single := content.Expected{Size: 5, Parts: [][32]byte{one}, SHA256: &one, CRC: "crc", Composite: content.Composite([][32]byte{one})}
	multi := content.Expected{Size: 5, PartSize: 3, Parts: [][32]byte{one, two}, Composite: content.Composite([][32]byte{one, two})}
	withWhole := multi
	withWhole.SHA256 = &whole
	bare := func(s string) string { s, _, _ = strings.Cut(s, "-"); return s }
	plain, other := target.Encode64(one[:]), target.Encode64(two[:])
	tests := []struct {
		name  string
		want  content.Expected
		obj   target.Object
		ours  bool
		v     content.Verdict
		proof entry.Proof
	}{
		{"same", single, target.Object{Size: 5, SHA256: plain, ChecksumType: "FULL_OBJECT"}, true, content.Same, entry.ProofSHA256},
		{"same, no type", single, target.Object{Size: 5, SHA256: plain}, true, content.Same, entry.ProofSHA256},
		{"size", single, target.Object{Size: 6, SHA256: plain}, true, content.Different, ""},
		{"sum", single, target.Object{Size: 5, SHA256: other}, false, content.Different, ""},
		{"one part", single, target.Object{Size: 5, SHA256: single.Composite, ChecksumType: "COMPOSITE"}, false, content.Same, entry.ProofSHA256},
		{"one other part", single, target.Object{Size: 5, SHA256: other + "-1"}, false, content.Different, ""},
		{"cut otherwise", single, target.Object{Size: 5, SHA256: other + "-7"}, false, content.Incomparable, ""},
		{"crc", single, target.Object{Size: 5, CRC64NVME: "crc", ChecksumType: "FULL_OBJECT"}, false, content.Same, entry.ProofCRC},
		{"other crc", single, target.Object{Size: 5, CRC64NVME: "x"}, false, content.Different, ""},
		{"nothing", single, target.Object{Size: 5}, false, content.Incomparable, ""},
		{"composite", multi, target.Object{Size: 5, SHA256: multi.Composite, ChecksumType: "COMPOSITE"}, true, content.Same, entry.ProofSHA256},
		{"composite, bare", multi, target.Object{Size: 5, SHA256: bare(multi.Composite), ChecksumType: "COMPOSITE"}, true, content.Same, entry.ProofSHA256},
		{"composite, bare, no type", multi, target.Object{Size: 5, SHA256: bare(multi.Composite)}, true, content.Same, entry.ProofSHA256},
		{"composite of others", multi, target.Object{Size: 5, SHA256: other + "-2"}, false, content.Incomparable, ""},
		{"composite of ours", multi, target.Object{Size: 5, SHA256: other + "-2"}, true, content.Different, ""},
		{"bad suffix", multi, target.Object{Size: 5, SHA256: bare(multi.Composite) + "-x"}, false, content.Incomparable, ""},
		{"whole", withWhole, target.Object{Size: 5, SHA256: target.Encode64(whole[:]), ChecksumType: "FULL_OBJECT"}, false, content.Same, entry.ProofSHA256},
		{"whole, unknown", multi, target.Object{Size: 5, SHA256: target.Encode64(whole[:]), ChecksumType: "FULL_OBJECT"}, false, content.Incomparable, ""},
		{"whole, other", withWhole, target.Object{Size: 5, SHA256: other, ChecksumType: "FULL_OBJECT"}, false, content.Different, ""},
	}
	for _, test := range tests {
		if v, proof := test.want.Compare(test.obj, test.ours); v != test.v || v == content.Same && proof != test.proof {
			t.Errorf("%s: %v %q, want %v %q", test.name, v, proof, test.v, test.proof)
		}
	}
}
