package witness_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// TestRoundTrip: a hand-over survives what mail and cameras do to its ends of lines, and the
// answer proves what was cosigned and when.
func TestRoundTrip(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	b := r.Ask(r.Device, "device", r.Carrier)
	text := b.Encode()
	if len(text) > 420 {
		t.Errorf("a first hand-over of %d bytes", len(text))
	}
	for _, text := range [][]byte{text, bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), bytes.TrimRight(text, "\n")} {
		got, err := witness.ParseBody(text)
		must(t, err)
		if !bytes.Equal(got.Encode(), b.Encode()) {
			t.Errorf("read as %q", got.Encode())
		}
	}
	line, err := r.Carrier.Cosign(b, r.Log.Origin, r.Now, public(r.Device))
	must(t, err)
	k, err := r.Carrier.Vkey()
	must(t, err)
	same, at, err := witness.OpenCosignature(b.Checkpoint, line, k)
	if err != nil || !bytes.Equal(same, line) || !at.Equal(r.Now) || len(line) > 180 {
		t.Errorf("%v: %q at %s", err, same, at)
	}
	// Asked again after the answer was lost, the same line comes, also from a new start.
	again, err := r.Carrier.Cosign(b, r.Log.Origin, r.Now.Add(time.Hour), public(r.Device))
	if err != nil || !bytes.Equal(again, line) {
		t.Errorf("asked again: %v %q", err, again)
	}
}

// TestOutcomes are those of tlog-witness.
func TestOutcomes(t *testing.T) {
	device := func(r *custodytest.Rig) ed25519.PublicKey { return public(r.Device) }
	for what, c := range map[string]struct {
		ask  func(r *custodytest.Rig) witness.Body
		want error
		size uint64 // of a conflict
	}{
		"unknown signer": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Checkpoint, _ = manifest.SignCheckpoint(r.Log.Origin, 4, r.Log.Root(), r.Accept)
			return b
		}, witness.ErrUnknown, 0},
		"wrong signature": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Checkpoint = bytes.Replace(b.Checkpoint, []byte("\n4\n"), []byte("\n5\n"), 1)
			return b
		}, witness.ErrUnknown, 0},
		"another log": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Checkpoint, _ = manifest.SignCheckpoint(r.Scope.Origin(), 4, r.Log.Root(), r.Device)
			return b
		}, witness.ErrUnknown, 0},
		"older than what was cosigned": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Old, b.Proof = 0, nil
			return b
		}, nil, 3},
		"a size that was never cosigned": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Old = 2
			return b
		}, nil, 3},
		"old over size": {func(r *custodytest.Rig) witness.Body { b := r.Body(r.Carrier); b.Old = 9; return b }, witness.ErrMalformed, 0},
		"bad proof":     {func(r *custodytest.Rig) witness.Body { b := r.Body(r.Carrier); b.Proof[0][0] ^= 1; return b }, witness.ErrProof, 0},
		"no proof":      {func(r *custodytest.Rig) witness.Body { b := r.Body(r.Carrier); b.Proof = nil; return b }, witness.ErrProof, 0},
		"same size, other root": {func(r *custodytest.Rig) witness.Body {
			note, _ := manifest.SignCheckpoint(r.Log.Origin, 3, [32]byte{1}, r.Device)
			return witness.Body{Old: 3, Checkpoint: note}
		}, witness.ErrProof, 0},
		"extension lines": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			b.Checkpoint = extended(t, r)
			return b
		}, witness.ErrMalformed, 0},
		"101 signature lines": {func(r *custodytest.Rig) witness.Body {
			b := r.Body(r.Carrier)
			line := "— x " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n"
			b.Checkpoint = append(b.Checkpoint, strings.Repeat(line, 100)...)
			return b
		}, witness.ErrUnknown, 0},
	} {
		t.Run(what, func(t *testing.T) {
			r := custodytest.New(t)
			r.Load()
			line, err := r.Carrier.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, device(r))
			must(t, err)
			must(t, r.Log.AddSignature(3, line))
			r.Add(event.Checked, "device", r.Device, r.Device, nil)
			line, err = r.Carrier.Cosign(c.ask(r), r.Log.Origin, r.Now, device(r))
			if line != nil {
				t.Fatalf("cosigned: %q", line)
			}
			var conflict *witness.ConflictError
			if errors.As(err, &conflict) != (c.size > 0) || conflict != nil && conflict.Size != c.size {
				t.Errorf("%v, want a conflict at %d", err, c.size)
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			// Nothing was forgotten by it.
			if _, err := r.Carrier.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, device(r)); err != nil {
				t.Errorf("the good one afterwards: %v", err)
			}
		})
	}
}

// extended is a checkpoint with an extension line, signed well.
func extended(t *testing.T, r *custodytest.Rig) []byte {
	t.Helper()
	root := r.Log.Root()
	text := fmt.Sprintf("%s\n4\n%s\nextension\n", r.Log.Origin, base64.StdEncoding.EncodeToString(root[:]))
	return signNote(t, text, r.Log.Origin, r.Device)
}

// TestBodies that are none.
func TestBodies(t *testing.T) {
	hash := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for what, text := range map[string]string{
		"nothing": "", "no old line": "\n\nx\n", "no checkpoint": "old 3\n", "a sign": "old +3\n\nx\n", "a zero before": "old 03\n\nx\n",
		"over 2^62": "old 9223372036854775808\n\nx\n", "64 lines of proof": "old 3\n" + strings.Repeat(hash+"\n", 64) + "\nx\n",
		"a short hash": "old 3\nAAAA\n\nx\n", "base64 in another form": "old 3\n" + hash[:43] + "\n\nx\n", "too long": "old 3\n\n" + strings.Repeat("x", 70_000),
	} {
		if _, err := witness.ParseBody([]byte(text)); !errors.Is(err, witness.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := witness.ParseBody([]byte("old 3\n" + strings.Repeat(hash+"\n", 63) + "\nx\n")); err != nil {
		t.Errorf("63 lines of proof: %v", err)
	}
}

// TestAnswers that prove nothing: of another key, name, log or checkpoint, and with times that
// cannot be.
func TestAnswers(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	b := r.Body(r.Carrier)
	k, err := r.Carrier.Vkey()
	must(t, err)
	raw := func(at uint64) []byte {
		id := k.ID()
		text, _, _ := strings.Cut(string(b.Checkpoint), "\n\n")
		sig := ed25519.Sign(r.Carrier.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))
		return fmt.Appendf(nil, "— %s %s\n", k.Name, base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(id[:], at), sig...)))
	}
	if _, _, err := witness.OpenCosignature(b.Checkpoint, raw(1), k); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	byDesk, err := witness.Cosign(b.Checkpoint, r.Desk.Name, r.Desk.Key, r.Now)
	must(t, err)
	asCarrier, err := witness.Cosign(b.Checkpoint, r.Carrier.Name, r.Desk.Key, r.Now)
	must(t, err)
	r.Add(event.Checked, "device", r.Device, r.Device, nil)
	later, err := witness.Cosign(r.Log.Checkpoint(), r.Carrier.Name, r.Carrier.Key, r.Now)
	must(t, err)
	for what, line := range map[string][]byte{
		"time 0": raw(0), "time over 2^63": raw(math.MaxInt64 + 1), "another's": byDesk, "another key": asCarrier, "another checkpoint": later, "nothing": nil, "junk": []byte("— x y z\n"),
	} {
		if _, _, err := witness.OpenCosignature(b.Checkpoint, line, k); !errors.Is(err, witness.ErrCosignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := witness.Cosign(b.Checkpoint, r.Carrier.Name, r.Carrier.Key, time.Unix(0, 0)); err == nil {
		t.Error("a clock that was never set signs")
	}
}

// TestMemoryBeforeAnswer: after a power cut at any write, a cosignature that left is
// remembered, and a damaged memory is no empty one.
func TestMemoryBeforeAnswer(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	first := r.Body(r.Carrier)
	r.Add(event.Checked, "device", r.Device, r.Device, nil)
	proof, err := r.Log.Prove(3)
	must(t, err)
	second := witness.Body{Old: 3, Proof: proof, Checkpoint: r.Log.Checkpoint()}
	for stop := int64(1); ; stop++ {
		disk := vfs.NewMem(vfs.MemOptions{})
		c := &witness.Custodian{Key: r.Carrier.Key, Name: r.Carrier.Name, FS: disk}
		_, err := c.Cosign(first, r.Log.Origin, r.Now, public(r.Device))
		must(t, err)
		end := disk.Ops() + stop
		disk.OnOp(func(op vfs.Op) error {
			if disk.Ops() >= end {
				return errors.New("power cut")
			}
			return nil
		})
		line, err := c.Cosign(second, r.Log.Origin, r.Now, public(r.Device))
		disk.OnOp(nil)
		for seed := range int64(4) {
			left := &witness.Custodian{Key: c.Key, Name: c.Name, FS: disk.CrashClone(rand.New(rand.NewSource(seed)), int(seed)*33)}
			note, e := left.Seen(r.Log.Origin)
			if e != nil || note == nil {
				t.Fatalf("cut at %d: forgotten: %v", stop, e)
			}
			if line != nil && !bytes.Contains(note, line) {
				t.Fatalf("cut at %d: the answer left, and the memory is %q", stop, note)
			}
		}
		if err == nil {
			if stop < 4 {
				t.Fatalf("only %d writes were cut", stop)
			}
			break
		}
	}
	// Damage.
	folder, err := r.Carrier.FS.ReadDir("seen")
	if err == nil {
		t.Fatalf("the rig's own memory: %v", folder)
	}
	_, err = r.Carrier.Cosign(first, r.Log.Origin, r.Now, public(r.Device))
	must(t, err)
	names, err := r.Carrier.FS.ReadDir("seen")
	must(t, err)
	f, err := r.Carrier.FS.Open("seen/"+names[0].Name(), vfs.OpenOptions{Write: true})
	must(t, err)
	must(t, f.Truncate(40))
	if _, err := r.Carrier.Cosign(second, r.Log.Origin, r.Now, public(r.Device)); !errors.Is(err, witness.ErrMemory) {
		t.Errorf("a damaged memory: %v", err)
	}
}

// TestTwoAtOnce: of two hand-overs at once one is told to wait.
func TestTwoAtOnce(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	disk, err := vfs.OS(t.TempDir())
	must(t, err)
	defer vfs.Close(disk)
	r.Carrier.FS = disk
	lock, err := vfs.Lock(disk, ".")
	must(t, err)
	if _, err := r.Carrier.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, public(r.Device)); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("%v", err)
	}
	must(t, lock.Close())
	if _, err := r.Carrier.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, public(r.Device)); err != nil {
		t.Error(err)
	}
}

// TestRepeatedAnswerIsDurable: a cosignature whose memory was renamed and not synced does not
// leave at a repeat either before it is.
func TestRepeatedAnswerIsDurable(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	disk := vfs.NewMem(vfs.MemOptions{})
	c := &witness.Custodian{Key: r.Carrier.Key, Name: r.Carrier.Name, FS: disk}
	renamed := false
	disk.OnOp(func(op vfs.Op) error {
		if renamed = renamed || op.Kind == vfs.OpRename; renamed && op.Kind == vfs.OpSyncDir {
			return errors.New("the folder is not synced")
		}
		return nil
	})
	if line, err := c.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, public(r.Device)); err == nil {
		t.Fatalf("answered %q", line)
	}
	if line, err := c.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, public(r.Device)); err == nil {
		t.Fatalf("the repeat answered %q", line)
	}
	disk.OnOp(nil)
	line, err := c.Cosign(r.Body(r.Carrier), r.Log.Origin, r.Now, public(r.Device))
	must(t, err)
	left := &witness.Custodian{Key: c.Key, Name: c.Name, FS: disk.CrashClone(rand.New(rand.NewSource(1)), 0)}
	if note, err := left.Seen(r.Log.Origin); err != nil || !bytes.Contains(note, line) {
		t.Errorf("after a power cut the memory is %q: %v", note, err)
	}
}
