package importreport

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/manifest"
)

// Signed names the facts that the importer's key stands for.
type Signed struct {
	Receipts    string   `json:"receipts"` // folder
	Origin      string   `json:"origin"`   // first line of the checkpoint
	Size        uint64   `json:"size"`     // lines of objects.list
	Root        string   `json:"root"`     // base64
	Checkpoint  string   `json:"checkpoint_sha256"`
	Keys        []string `json:"keys"`     // fingerprints that the statement names, or of the keys that were given
	Verified    bool     `json:"verified"` // under a key that was given
	ListFits    bool     `json:"list_fits"`
	Label       string   `json:"label"`
	Conditional bool     `json:"conditional_writes"`
	Probe       string   `json:"probe"`
	Manifest    uint64   `json:"manifest_size"`
	ManifestAt  string   `json:"manifest_root"` // base64
}

// readSigned reads total.dsse and the checkpoint. With keys both must be signed by
// one of them; without, they are read as they are, and the report says so.
func readSigned(folder fs.FS, name string, keys []ed25519.PublicKey) (*Signed, *receipt.Total, error) {
	env, err := readFile(folder, name+"/"+totalName, manifest.MaxStatement)
	if err != nil {
		return nil, nil, err
	}
	checkpoint, err := readFile(folder, name+"/log/checkpoint", manifest.MaxCheckpoint)
	if err != nil {
		return nil, nil, err
	}
	s := &Signed{Receipts: name}
	st, total, err := s.open(env, keys)
	if err != nil {
		return nil, nil, fmt.Errorf("%s/%s: %w", name, totalName, err)
	}
	subject := manifest.SHA256Subject("checkpoint", checkpoint)
	s.Checkpoint = subject.Digest["sha256"]
	if len(st.Subject) != 1 || !maps.Equal(st.Subject[0].Digest, subject.Digest) {
		return nil, nil, fmt.Errorf("%s: %w: the statement is about another checkpoint", name, manifest.ErrUnverified)
	}
	if err := s.takeCheckpoint(string(checkpoint)); err != nil {
		return nil, nil, fmt.Errorf("%s/log/checkpoint: %w", name, err)
	}
	scope := manifest.Scope{Job: total.Job, Device: total.Device, Generation: total.Generation}
	if want := receipt.Origin(scope, total.Run); s.Origin != want {
		return nil, nil, fmt.Errorf("%s: %w: the checkpoint is of %.200q, the statement of %.200q", name, manifest.ErrUnverified, s.Origin, want)
	}
	s.Label, s.Conditional, s.Probe = total.Label, total.Conditional, total.Probe
	s.Manifest, s.ManifestAt = total.ManifestSize, base64.StdEncoding.EncodeToString(total.ManifestRoot)
	return s, total, nil
}

// open reads the statement. It names the checkpoint by its hash, so that its
// signature is enough for both.
func (s *Signed) open(env []byte, keys []ed25519.PublicKey) (*manifest.Statement, *receipt.Total, error) {
	var total receipt.Total
	if len(keys) > 0 {
		st, signers, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, keys...)
		for _, key := range signers {
			s.Keys = append(s.Keys, crypto.Fingerprint(key))
		}
		s.Verified = err == nil
		return st, &total, err
	}
	st, ids, err := manifest.PeekStatement(env, manifest.PredicateReceipt, &total)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		s.Keys = append(s.Keys, "sha256:"+id)
	}
	return st, &total, nil
}

// takeCheckpoint reads the three lines above the signatures.
func (s *Signed) takeCheckpoint(text string) error {
	body, _, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) != 3 {
		return fmt.Errorf("%w: the text is not three lines", manifest.ErrCorrupt)
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	root, err64 := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || err64 != nil || len(root) != 32 {
		return fmt.Errorf("%w: size %.40q, root %.80q", manifest.ErrCorrupt, lines[1], lines[2])
	}
	s.Origin, s.Size, s.Root = lines[0], size, lines[2]
	return nil
}

// compare holds the list against the checkpoint and the total, and names what
// does not fit.
func (s *Signed) compare(t *tally, total *receipt.Total) (findings []string) {
	root := t.tree.Root()
	s.ListFits = t.records == s.Size && base64.StdEncoding.EncodeToString(root[:]) == s.Root
	if !s.ListFits {
		findings = append(findings, fmt.Sprintf("objects.list is not what the checkpoint signs: %s, the checkpoint says %d, or a line was altered", plural(t.records, "line", "lines"), s.Size))
	}
	differ := func(what string, list, signed any) {
		findings = append(findings, fmt.Sprintf("%s: objects.list comes to %v, the signed total says %v", what, list, signed))
	}
	if t.records != total.Records {
		differ("lines", t.records, total.Records)
	}
	if t.sum.Entries != total.Entries {
		differ("entries", t.sum.Entries, total.Entries)
	}
	if t.sum.Bytes != total.Bytes {
		differ("bytes", t.sum.Bytes, total.Bytes)
	}
	if !sameCounts(t.lines, total.Outcomes) {
		differ("outcomes", t.lines, total.Outcomes)
	}
	if !sameCounts(t.sum.Proofs, total.Proof) {
		differ("proofs", t.sum.Proofs, total.Proof)
	}
	return findings
}

// sameCounts compares counts; one of 0 may be left out.
func sameCounts[K comparable](a, b map[K]uint64) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	for k := range b {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}
