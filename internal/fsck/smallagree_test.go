package fsck

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/manifest"
)

// TestWrapsAgree: verifier and reader take the same wrap files.
func TestWrapsAgree(t *testing.T) {
	scope := manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 3}
	for _, w := range []manifest.Wrap{
		{Kind: manifest.WrapHPKE, Scope: scope, KeyID: bytes.Repeat([]byte{7}, 32), Body: make([]byte, 40)},
		{Kind: manifest.WrapUnlock, Scope: scope, Body: make([]byte, 40)},
	} {
		seed, told := w.Encode(), 0
		try := func(b []byte) {
			_, theirs := manifest.DecodeWrap(b)
			if _, _, _, ours := wire.ParseWrap(b); (ours == nil) != (theirs == nil) && told < 5 {
				told++
				t.Errorf("%.200x: verifier: %v; reader: %v", b, ours, theirs)
			}
		}
		neighbours(seed, try)
		fieldVariants(t, seed[2:], func(b []byte) { try(append(seed[:2:2], b...)) })
		try(sized(seed, wire.MaxWrapSize))
		try(sized(seed, wire.MaxWrapSize+1))
	}
}

// TestLabelsAgree: verifier and reader take the same labels and the same checkpoints.
func TestLabelsAgree(t *testing.T) {
	d := makeDevice(t, smallPlan())
	told, taken := 0, 0
	try := func(b []byte) {
		l, ours := wire.ParseLabel(b)
		if ours == nil {
			ours = l.Checkpoint.Verify(public(d.deviceKey))
		}
		o, theirs := manifest.ParseLabel(b)
		if theirs == nil {
			_, theirs = manifest.OpenCheckpoint(o.Checkpoint, d.origin(), public(d.deviceKey))
		}
		if ours == nil {
			taken++
		}
		if (ours == nil) != (theirs == nil) && told < 10 {
			told++
			t.Errorf("%.700q: verifier: %v; reader: %v", b, ours, theirs)
		}
	}
	whole := d.label()
	neighbours(whole, try)
	lines := strings.Split(string(whole), "\n")
	for i := range lines {
		for _, other := range []string{"", lines[i] + " ", lines[i] + "\r", " " + lines[i], strings.ToUpper(lines[i]), lines[i] + "\n" + lines[i]} {
			all := append([]string{}, lines...)
			all[i] = other
			try([]byte(strings.Join(all, "\n")))
		}
		name, _, _ := strings.Cut(lines[i], " ")
		for _, n := range []string{"0", "00", "01", "+1", "-1", "1.0", "4294967295", "4294967296", "9223372036854775808", "18446744073709551616", strings.Repeat("0", 32), strings.Repeat("0", 64)} {
			all := append([]string{}, lines...)
			all[i] = name + " " + n
			try([]byte(strings.Join(all, "\n")))
		}
	}
	try(append(bytes.Clone(whole), "— other AAAAAAAA\n"...))
	try(append(bytes.Clone(whole), "— other+1 AAAAAAAABBBB\n"...))
	try(append(bytes.Clone(whole), fmt.Sprintf("— other %s\n", strings.Repeat("A", 64<<10))...))
	for _, size := range []int{0, 1, 1 << 40, 1<<40 + 1, 1 << 62} {
		note := signNote(t, d.deviceKey, d.origin(), size, [32]byte{1})
		try([]byte(strings.Replace(string(whole), string(d.checkpoint), string(note), 1)))
	}
	if taken == 0 {
		t.Error("no label is taken")
	}
}
