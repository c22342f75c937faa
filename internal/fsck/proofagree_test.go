package fsck

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/manifest"
)

// TestProofsAgree: verifier and reader take the same proofs of a file.
func TestProofsAgree(t *testing.T) {
	d := makeDevice(t, smallPlan())
	key := public(d.jobKey)
	tried, taken, told := 0, 0, 0
	try := func(b []byte) {
		_, ours := VerifyProof(b, Trust{Key: key})
		p, theirs := manifest.ParseProof(b)
		if theirs == nil {
			_, _, _, theirs = p.Verify(key)
		}
		if tried++; ours == nil {
			taken++
		}
		if (ours == nil) != (theirs == nil) && told < 10 {
			told++
			t.Errorf("%.900q: verifier: %v; reader: %v", b, ours, theirs)
		}
	}
	whole := d.proof(0)
	head, rest, _ := bytes.Cut(whole, []byte("\nindex "))
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(head), proofHead+"extra "))
	if err != nil {
		t.Fatal(err)
	}
	with := func(extra []byte) []byte {
		return fmt.Appendf(nil, "%sextra %s\nindex %s", proofHead, base64.StdEncoding.EncodeToString(extra), rest)
	}
	try(whole)
	n := 0
	fieldVariants(t, extra[1:], func(b []byte) {
		if n++; n%5 == 0 { // each costs four signatures
			try(with(append([]byte{wire.FormatVersion}, b...)))
		}
	})
	for _, version := range []byte{0, 2, 255} {
		try(with(append([]byte{version}, extra[1:]...)))
	}
	try(with(nil))
	try(proofOf(t, d, 4<<20, 0))
	try(proofOf(t, d, 4<<20+1, 0))
	try(proofOf(t, d, 0, 1))
	try(append(bytes.Clone(whole), "— other AAAAAAAA\n"...))
	for n := range d.records {
		try(d.proof(n))
	}
	lines := strings.Split(string(whole), "\n")
	for i, line := range lines {
		name, value, _ := strings.Cut(line, " ")
		for _, other := range []string{"", line + " ", line + "\r", " " + line, line + "\n" + line, line + "\n", strings.ToUpper(line), name, name + " 0", name + " 00", name + " -1",
			name + " 01", name + " +1", name + " 1099511627775", name + " 1099511627776", name + " " + strings.TrimRight(value, "=")} {
			all := append([]string{}, lines...)
			all[i] = other
			try([]byte(strings.Join(all, "\n")))
		}
		try([]byte(strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "\n")))
	}
	if taken == 0 {
		t.Error("no proof is taken")
	}
	t.Logf("figure: %d proofs, %d taken", tried, taken)
}
