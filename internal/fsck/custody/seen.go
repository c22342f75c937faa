package custody

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// checkKept holds the older checkpoints of the folder against the log. They travel with it:
// they show a fork, and nothing of a rollback.
func (v *verifier) checkKept() {
	kept, err := notes(v.in.Folder)
	if err != nil {
		v.find(Tampered, "12.1", "checkpoints cannot be read: %v", err)
		return
	}
	cosigned := map[uint64][]byte{}
	for _, raw := range kept {
		cp, err := wire.ParseCheckpoint(raw)
		if err != nil || cp.Origin != v.Origin {
			v.find(Tampered, "12.1", "a checkpoint that is kept is none of this log")
			continue
		}
		if uint64(cp.Size) > v.Size {
			v.longer(cp, "a checkpoint that is kept", "")
			continue
		}
		if v.judge(cp, "the checkpoint that is kept") {
			cosigned[uint64(cp.Size)] = raw
		}
	}
	v.checkCosigned(cosigned)
}

// checkCosigned looks for the receiver's word at each hand-over.
func (v *verifier) checkCosigned(kept map[uint64][]byte) {
	for _, h := range v.holds[1:] {
		size := h.from - 1
		at, ok := v.cosignature(kept[size], h)
		later := v.Size >= h.from // he has signed more since, which says the same
		switch {
		case ok:
			v.fitsClock(at, h, size)
		case !later:
			v.find(Gap, "12.4", "the hand-over to %s at entry %d is not cosigned by the receiver", h.name, size-1)
		default:
			v.find(Note, "12.4", "the receiver's cosignature of the hand-over to %s at entry %d is not here; his later checkpoints say the same", h.name, size-1)
		}
	}
}

// fitsClock compares a cosignature's time, of the receiver's clock, with the event's.
func (v *verifier) fitsClock(at time.Time, h held, size uint64) {
	event := v.entries[size-1]
	if at.Before(event.Time.Add(-time.Minute)) {
		v.find(ClockOdd, "12.5", "%s cosigned entry %d at %s, and the entry says %s: one of the two clocks is wrong", h.name, size-1, at.Format(time.RFC3339), event.Time.Format(time.RFC3339))
	}
}

// cosignature finds the cosignature of a custodian under a checkpoint.
func (v *verifier) cosignature(note []byte, h held) (at time.Time, ok bool) {
	text, lines, found := strings.Cut(string(note), "\n\n")
	if !found || h.role != "custodian" {
		return at, false
	}
	id := wire.Cosigner{Name: h.name, Key: h.key}.KeyID()
	for line := range strings.SplitSeq(lines, "\n") {
		sig, is := strings.CutPrefix(line, "— "+h.name+" ")
		raw, err := wire.Unbase64(sig)
		if !is || err != nil || len(raw) != 4+8+ed25519.SignatureSize || string(raw[:4]) != string(id[:]) {
			continue
		}
		seconds := binary.BigEndian.Uint64(raw[4:12])
		if seconds > 0 && seconds <= math.MaxInt64 && ed25519.Verify(h.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", seconds, text), raw[12:]) {
			return time.Unix(int64(seconds), 0).UTC(), true
		}
	}
	return at, false
}

// checkSeen holds checkpoints that came another way against the log.
func (v *verifier) checkSeen() {
	longest := map[int64]tlog.Hash{}
	for i, raw := range v.in.Seen {
		what := fmt.Sprintf("the checkpoint that was given (%d)", i+1)
		cp, err := wire.ParseCheckpoint(checkpointIn(raw))
		if err != nil {
			v.find(Note, "12.6", "%s is none: %v", what, err)
			continue
		}
		if cp.Origin != v.Origin {
			v.find(Note, "12.6", "%s is of another log, %s", what, cp.Origin)
			continue
		}
		if root, has := longest[cp.Size]; has && root != cp.Root && uint64(cp.Size) > v.Size {
			v.find(Forked, "12.5", "forked at or after entry %d: two checkpoints of size %d were given, with the roots %s and %s", v.common(uint64(cp.Size)), cp.Size, root, cp.Root)
		}
		longest[cp.Size] = cp.Root
		if uint64(cp.Size) > v.Size {
			v.longer(cp, what, newest(raw))
			continue
		}
		if v.judge(cp, what) {
			v.Independent++
			v.Confirmed = max(v.Confirmed, uint64(cp.Size))
		}
	}
}

// newest is the time of the first cosignature under a checkpoint, for a text: nothing vouches
// for it.
func newest(raw []byte) string {
	_, lines, _ := strings.Cut(string(raw), "\n\n")
	for line := range strings.SplitSeq(lines, "\n") {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		if sig, err := base64.StdEncoding.DecodeString(f[2]); err == nil && len(sig) == 4+8+ed25519.SignatureSize {
			return fmt.Sprintf(", newest seen at %s", time.Unix(int64(binary.BigEndian.Uint64(sig[4:12])&math.MaxInt64), 0).UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// longer judges a checkpoint of more entries than the log has.
func (v *verifier) longer(cp *wire.Checkpoint, what, when string) {
	by := v.signedBy(cp)
	if by == nil {
		v.find(Note, "12.6", "%s of size %d is signed by no custodian of the job: it says nothing", what, cp.Size)
		return
	}
	if h, was := v.former(by, uint64(cp.Size)); was {
		v.find(NotCustodian, "12.4", "%s of size %d is signed by %s, who is not custodian since entry %d", what, cp.Size, by.name, h)
		return
	}
	v.find(RolledBack, "12.6", "rolled back: %d entries are missing; %s of size %d is signed by %s%s", uint64(cp.Size)-v.Size, what, cp.Size, by.name, when)
}

// checkLabel compares the manifest's checkpoint in the label with the event of the seal.
func (v *verifier) checkLabel() {
	if v.in.Label == nil {
		return
	}
	l, err := wire.ParseLabel(v.in.Label)
	if err != nil {
		v.find(Differs, "12.5", "the label cannot be read: %v", err)
		return
	}
	if l.Identity != v.who {
		v.find(Differs, "12.5", "the label is of another device, job or generation: device %s, job %s, generation %d", l.Device, l.Job, l.Generation)
		return
	}
	if !l.Checkpoint.Of(v.who) || l.Checkpoint.Verify(v.device) != nil {
		v.find(Differs, "12.5", "the label's checkpoint is not signed by the device")
		return
	}
	for _, e := range v.entries {
		if e.Kind != "sealed" {
			continue
		}
		var size int64
		var root []byte
		json.Unmarshal(e.Details["manifest_size"], &size)
		json.Unmarshal(e.Details["manifest_root"], &root)
		if size != l.Checkpoint.Size || string(root) != string(l.Checkpoint.Root[:]) {
			v.find(Differs, "12.5", "entry %d says that the manifest was sealed with %d lines and the root %s, the label %d and %s",
				e.Index, size, base64.StdEncoding.EncodeToString(root), l.Checkpoint.Size, l.Checkpoint.Root)
			return
		}
		v.LabelFits = true
	}
	if !v.LabelFits {
		v.find(Note, "12.5", "the log has no event of the seal: the label could not be compared")
	}
}

// checkClocks compares times. They never order anything: the log does.
func (v *verifier) checkClocks() {
	for i, e := range v.entries {
		if e.Clock == "unset" {
			v.find(ClockOdd, "12.5", "entry %d was written with a clock that was not set: %s", i, e.Time.Format(time.RFC3339))
			continue
		}
		if i > 0 && e.Time.Before(v.entries[i-1].Time) && v.entries[i-1].Clock != "unset" {
			v.find(ClockOdd, "12.5", "the clocks of entries %d and %d do not fit: %s by %s (%s), then %s by %s (%s)", i-1, i,
				v.entries[i-1].Time.Format(time.RFC3339), v.entries[i-1].Name, v.entries[i-1].Clock, e.Time.Format(time.RFC3339), e.Name, e.Clock)
		}
		if e.Time.After(v.in.Now.Add(time.Hour)) {
			v.find(ClockOdd, "12.5", "entry %d is of the future: %s", i, e.Time.Format(time.RFC3339))
		}
	}
}
