package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// custodyField is a device with a job that has two custodians, unlocked, with a custody log.
func custodyField(t *testing.T) *field {
	t.Helper()
	f := newField(t)
	for _, who := range []string{"alice", "bob"} {
		f.sledge(0, "custody", "key", "--out", who, "--name", "Person "+who, "--organisation", "Org", "--id", who+".example/x")
	}
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--target", "s3://bkt/x/", "--fips", "--expires", "1h", "--out", "c.dsse", "--code-out", "ccode",
		"--custodian", "alice/custodian.json", "--custodian", "bob/custodian.json", "--eraser", "site/importer.pub", "--validator", "site/acceptor.pub")
	f.sledge(0, "unlock", "--job", "c.dsse", "--code-file", "ccode", "--allow-shared")
	f.sledge(0, "custody", "add", "provisioned")
	return f
}

// logDir is the device's own custody log.
func (f *field) logDir() string {
	f.t.Helper()
	found, err := filepath.Glob("dev/custody/*-1")
	if err != nil || len(found) != 1 {
		f.t.Fatalf("%v: %v", err, found)
	}
	return found[0]
}

func (f *field) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// asPerson runs a verb as a custodian, who has no device.
func (f *field) asPerson(want int, args ...string) string {
	f.t.Helper()
	f.t.Setenv("SLEDGE_DEVICE", "")
	defer f.t.Setenv("SLEDGE_DEVICE", "dev")
	return f.sledge(want, args...)
}

// custodyDay carries a sealed device to the desk: its log is custody/.
func custodyDay(t *testing.T) *field {
	t.Helper()
	f := custodyField(t)
	f.sledge(0, "lock")
	f.sledge(0, "unlock", "--code-file", "ccode")
	f.sledge(0, "load", "src")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	f.sledge(0, "custody", "add", "seal-applied", "--seal", "ML-2", "--seal", "ML-1", "--seal-class", "H", "--inspected", "view,tug")
	f.now = f.now.Add(time.Minute)
	f.says(f.sledge(0, "custody", "handover", "--to", "alice.example/x", "--waybill", "1Z9", "--purpose", "transport", "--out", "q1", "--qr"), "old 0\n", "█", "alice.example/x")
	f.sledge(0, "custody", "export", f.logDir(), "--out", "custody")
	f.says(f.asPerson(0, "custody", "receive", "q1.txt", "--log", "custody", "--custodian", "alice", "--trust", "site/signer.pub", "--dry-run"), "signed by   the device")
	f.says(f.asPerson(0, "custody", "receive", "q1.txt", "--log", "custody", "--custodian", "alice", "--trust", "site/signer.pub", "--out", "a1"), "hands the device over to you", "— alice.example/x ")
	f.says(f.sledge(0, "custody", "handover", "--answer", "a1.txt"), "cosigned at")
	f.must(os.RemoveAll("custody"))
	f.sledge(0, "custody", "export", f.logDir(), "--out", "custody")
	return f
}

// carried are the flags of a custodian at work on custody/.
func carried(who string, args ...string) []string {
	return append(args, "--log", "custody", "--custodian", who, "--trust", "site/signer.pub")
}

// TestCustodyDay: the device writes its own events, goes to a carrier and to the desk by
// codes alone, and the desk signs its arrival; a stranger finds nothing but what is told.
func TestCustodyDay(t *testing.T) {
	f := custodyDay(t)
	f.asPerson(0, carried("alice", "custody", "add", "arrived", "--seal", "ML-1", "--seal", "ML-2", "--condition", "good")...)
	f.now = f.now.Add(time.Minute)
	f.says(f.asPerson(exitState, carried("bob", "custody", "add", "arrived")...), "not this custodian's turn", "alice.example/x")
	f.says(f.sledge(exitState, "custody", "add", "seal-applied", "--log", "custody", "--seal", "X"), "not this custodian's turn")
	f.says(f.asPerson(exitUsage, carried("alice", "custody", "handover", "--to", "alice.example/x")...), "is the one who has it")
	f.says(f.asPerson(exitUsage, carried("alice", "custody", "handover", "--to", "eve.example/x")...), "no custodian of the job", "bob.example/x")
	f.asPerson(0, carried("alice", "custody", "handover", "--to", "bob.example/x", "--out", "q2")...)
	// The desk reads the code alone, without the log.
	f.says(f.asPerson(0, "custody", "receive", "q2.txt", "--job", "c.dsse", "--custodian", "bob", "--trust", "site/signer.pub", "--out", "a2"), "Person alice", "entries were not given")
	f.asPerson(0, carried("alice", "custody", "handover", "--answer", "a2.txt")...)
	says := f.asPerson(0, "receive", "--site", "site", "--label", "d.label", "--disk", "bay*", "--custody", "custody", "--custodian", "bob", "--seal", "ML-2", "--seal", "ML-1", "--packages", "1")
	f.says(says, "arrived", "found ML-1, ML-2; by the log they are ML-1, ML-2")
	f.says(f.asPerson(exitAlone, "custody", "verify", "custody", "--trust", "site/signer.pub"), "no independent checkpoint")
	says = f.asPerson(0, "custody", "show", "custody", "--trust", "site/signer.pub", "--seen", "q2.txt", "--label", "d.label", "--custodian", "bob")
	f.says(says, "verdict     holds", "provisioned", "locked", "unlocked", "load-session", "sealed", "seal-applied", "handed-over", "arrived", "custodian   3: bob.example/x", "waybill: \"1Z9\"")
	f.says(f.asPerson(exitUnproven, "custody", "verify", "custody"), "not proven")
	f.says(f.asPerson(0, "custody", "policy", "custody", "--trust", "site/signer.pub"), "log sledge/", "witness custodian-1 alice.example/x+", "group custodians any custodian-1 custodian-2", "quorum custodians")
	f.must(os.WriteFile("policy", []byte(f.asPerson(0, "custody", "policy", "custody", "--trust", "site/signer.pub")), 0o600))
	f.says(f.asPerson(0, "custody", "verify", "custody", "--trust", "site/signer.pub", "--seen", "q2.txt", "--policy", "policy"), "the policy is met")
	f.must(os.WriteFile("bad", []byte("quorum nobody\n"), 0o600))
	f.says(f.asPerson(exitUsage, "custody", "verify", "custody", "--trust", "site/signer.pub", "--policy", "bad"), "line 1", "no witness and no group")
	// Roles beside the custodian.
	zeros := strings.Repeat("0", 64)
	f.asPerson(0, carried("bob", "custody", "add", "accepted", "--as", "acceptor", "--key", "site/acceptor.key", "--set", "acceptance_sha256="+zeros)...)
	f.says(f.asPerson(exitUsage, carried("bob", "custody", "add", "accepted", "--as", "acceptor", "--key", "site/importer.key", "--set", "acceptance_sha256="+zeros)...), "not one that the job names")
	f.asPerson(0, carried("bob", "custody", "add", "closed")...)
	f.asPerson(0, "custody", "verify", "custody", "--trust", "site/signer.pub", "--seen", "q2.txt")
}

// TestCustodyRollback: who gives an older copy is found by a code that was kept.
func TestCustodyRollback(t *testing.T) {
	f := custodyDay(t)
	f.must(os.CopyFS("older", os.DirFS("custody")))
	f.asPerson(0, carried("alice", "custody", "add", "arrived", "--seal", "ML-1", "--seal", "ML-2")...)
	f.asPerson(0, carried("alice", "custody", "handover", "--to", "bob.example/x", "--out", "q2")...)
	f.says(f.asPerson(exitRefused, "custody", "verify", "older", "--trust", "site/signer.pub", "--seen", "q2.txt"), "rolled back: 2 entries are missing")
	f.asPerson(0, "custody", "receive", "q2.txt", "--log", "custody", "--custodian", "bob", "--trust", "site/signer.pub")
	f.says(f.asPerson(exitRefused, "custody", "verify", "older", "--trust", "site/signer.pub", "--custodian", "bob"), "rolled back", "newest seen at")
}

// TestCustodyReceiveOutcomes are those of tlog-witness, with their exit codes.
func TestCustodyReceiveOutcomes(t *testing.T) {
	f := custodyDay(t)
	receive := func(want, outcome int, file string, args ...string) string {
		t.Helper()
		says := f.asPerson(want, append([]string{"custody", "receive", file, "--job", "c.dsse", "--custodian", "alice", "--trust", "site/signer.pub", "--json"}, args...)...)
		var got struct{ Result cosignReport }
		if err := json.Unmarshal([]byte(says), &got); err != nil || got.Result.Outcome != outcome {
			t.Errorf("%s: outcome %d, want %d: %v %s", file, got.Result.Outcome, outcome, err, says)
		}
		return says
	}
	again := receive(0, 200, "q1.txt")
	f.says(again, strings.TrimSpace(strings.Split(f.read("a1.txt"), " ")[2]), `"cosigned_already":true`)
	// The second code's text is of the device of another job.
	f.must(os.WriteFile("foreign.txt", []byte(strings.Replace(f.read("q1.txt"), "sledge/", "sledge/0", 1)), 0o600))
	receive(exitRefused, 403, "foreign.txt")
	f.must(os.WriteFile("unsigned.txt", []byte(strings.Replace(f.read("q1.txt"), "\n7\n", "\n9\n", 1)), 0o600))
	receive(exitRefused, 403, "unsigned.txt")
	f.must(os.WriteFile("none.txt", []byte("hello"), 0o600))
	receive(exitUsage, 400, "none.txt")
	// The device's log goes on by its own key, as a copy of its folder could: the receiver sees
	// another history of what he has signed.
	l := f.read(filepath.Join("custody", "checkpoint"))
	origin, _, _ := strings.Cut(l, "\n")
	key := f.deviceKey()
	fork, err := manifest.SignCheckpoint(origin, 7, [32]byte{1}, key)
	f.must(err)
	f.must(os.WriteFile("fork.txt", append([]byte("old 7\n\n"), fork...), 0o600))
	f.says(receive(exitRefused, 422, "fork.txt"), "two histories")
	later, err := manifest.SignCheckpoint(origin, 8, [32]byte{1}, key)
	f.must(err)
	f.must(os.WriteFile("behind.txt", append([]byte("old 3\n\n"), later...), 0o600))
	f.says(receive(exitBehind, 409, "behind.txt"), "7 are cosigned")
	f.must(os.WriteFile("noproof.txt", append([]byte("old 7\n\n"), later...), 0o600))
	receive(exitRefused, 422, "noproof.txt")
	// An answer of another person, or to another log, is none.
	f.says(f.sledge(exitRefused, "custody", "handover", "--answer", "q1.txt"), "cosignature does not verify")
}

func (f *field) deviceKey() (key []byte) {
	f.t.Helper()
	k, err := crypto.ParsePrivateKey([]byte(f.read("dev/device.key")))
	f.must(err)
	return k
}

// TestCustodyException: seals that differ, damage and missing disks are signed as exceptions;
// nothing is refused, and the exit code says it.
func TestCustodyException(t *testing.T) {
	f := custodyDay(t)
	says := f.asPerson(exitException, "receive", "--site", "site", "--label", "d.label", "--disk", "bay0,bay1", "--custody", "custody", "--custodian", "alice",
		"--seal", "ML-1", "--seal", "ML-7", "--damage", "box wet")
	f.says(says, "EXCEPTION   seal number differs", "ML-1, ML-7", "by the log they are ML-1, ML-2", "damage: box wet", "missing disk")
	says = f.asPerson(0, "custody", "show", "custody", "--trust", "site/signer.pub", "--seen", "custody/checkpoint")
	f.says(says, "exception", "seal number differs", "box wet")
	f.says(f.asPerson(exitUsage, "receive", "--site", "site", "--label", "d.label", "--seal", "X"), "--custody")
	for _, bad := range []string{"a\x1bb", strings.Repeat("1", 65)} {
		f.asPerson(exitUsage, carried("alice", "custody", "add", "seal-applied", "--seal", bad)...)
	}
	f.says(f.asPerson(exitNotFound, carried("alice", "custody", "add", "in-transit", "--attach", "nowhere.jpg")...), "nowhere.jpg")
	// What would make every verifier refuse the log is not written.
	f.says(f.asPerson(exitUsage, carried("alice", "custody", "add", "checked")...), "signed by device, and not by the custodian")
	f.asPerson(0, "custody", "verify", "custody", "--trust", "site/signer.pub", "--seen", "custody/checkpoint")
}

// TestCustodyUnrecorded: a device whose log cannot be written does its work, and says that the
// event is not there.
func TestCustodyUnrecorded(t *testing.T) {
	f := custodyField(t)
	bundle := filepath.Join(f.logDir(), "tile/entries/000.p/1")
	good := f.read(bundle)
	f.must(os.WriteFile(bundle, []byte("rot"), 0o600))
	f.says(f.sledge(exitUnrecorded, "load", "src"), "event load-session: not written to the custody log")
	f.must(os.WriteFile(bundle, []byte(good), 0o600))
	f.sledge(0, "custody", "add", "load-session", "--set", "entries=1", "--set", "bytes=5", "--set", "skipped=0")
	f.must(os.WriteFile(filepath.Join(f.logDir(), "tile/entries/000.p/2"), []byte("rot"), 0o600))
	f.says(f.sledge(exitUnrecorded, "seal", "--wrap-unchecked", "--label-out", "d.label"), "event sealed: not written")
	if _, err := os.Stat("d.label"); err != nil {
		t.Errorf("the seal was not done: %v", err)
	}
}

// TestSigstore: every statement as a bundle whose signature openssl takes, and no wrong key
// or file.
func TestSigstore(t *testing.T) {
	f := custodyDay(t)
	for name, key := range map[string]string{"c.dsse": "site/signer.pub", "bay0/sledge/statements/seal.dsse": "dev/device.pub"} {
		f.sledge(0, "custody", "export", name, "--sigstore", "--key", key, "--out", "bundle")
		f.bundle("bundle", key)
		f.must(os.Remove("bundle"))
	}
	f.sledge(0, "custody", "export", "custody", "--entry", "0", "--sigstore", "--key", "dev/device.pub", "--out", "entry.json")
	f.bundle("entry.json", "dev/device.pub")
	f.says(f.sledge(exitRefused, "custody", "export", "c.dsse", "--sigstore", "--key", "dev/device.pub", "--out", "wrong"), "c.dsse")
	f.says(f.sledge(exitUsage, "custody", "export", "custody", "--entry", "99", "--out", "wrong"), "entries 0 to")
}

// bundle takes a bundle apart as another tool does, and has openssl look at the signature.
func (f *field) bundle(name, key string) {
	f.t.Helper()
	var b struct {
		MediaType            string
		VerificationMaterial struct {
			PublicKey   struct{ Hint string }
			TlogEntries *[]any
		}
		DsseEnvelope struct {
			PayloadType string
			Payload     []byte
			Signatures  []struct{ Sig []byte }
		}
	}
	f.must(json.Unmarshal([]byte(f.read(name)), &b))
	e := b.DsseEnvelope
	if b.MediaType != "application/vnd.dev.sigstore.bundle.v0.3+json" || b.VerificationMaterial.PublicKey.Hint == "" || b.VerificationMaterial.TlogEntries == nil || len(e.Signatures) != 1 {
		f.t.Fatalf("%s: %+v", name, b)
	}
	var pae bytes.Buffer
	pae.WriteString("DSSEv1 ")
	for i, part := range [][]byte{[]byte(e.PayloadType), e.Payload} {
		if i > 0 {
			pae.WriteByte(' ')
		}
		pae.WriteString(jsonNumber(len(part)) + " ")
		pae.Write(part)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		f.t.Skip("openssl: the command is absent")
	}
	f.must(os.WriteFile("sig", e.Signatures[0].Sig, 0o600))
	check := func(pae []byte, key string) bool {
		f.must(os.WriteFile("pae", pae, 0o600))
		return exec.Command("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", "pae", "-sigfile", "sig").Run() == nil
	}
	if !check(pae.Bytes(), key) {
		f.t.Errorf("%s: openssl refuses it", name)
	}
	if check(pae.Bytes(), "site/acceptor.pub") || check(append(pae.Bytes(), ' '), key) {
		f.t.Errorf("%s: openssl takes another key, or other bytes", name)
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestCustodyPutBack: a custodian does not sign a second history of a log that was put back,
// for he remembers what he has signed.
func TestCustodyPutBack(t *testing.T) {
	f := custodyDay(t)
	f.must(os.CopyFS("older", os.DirFS("custody")))
	f.asPerson(0, carried("alice", "custody", "add", "arrived", "--seal", "ML-1", "--seal", "ML-2")...)
	f.must(os.RemoveAll("custody"))
	f.must(os.Rename("older", "custody"))
	f.says(f.asPerson(exitRefused, carried("alice", "custody", "add", "arrived", "--seal", "ML-9")...), "rolled back: 1 entries are missing")
	f.says(f.asPerson(exitRefused, "custody", "verify", "custody", "--trust", "site/signer.pub", "--custodian", "alice"), "rolled back")
}

// TestCustodyReceiveOther: with the log, a hand-over that is not its last entry is not taken
// for the device's.
func TestCustodyReceiveOther(t *testing.T) {
	f := custodyDay(t)
	f.asPerson(0, carried("alice", "custody", "add", "arrived", "--seal", "ML-1", "--seal", "ML-2")...)
	f.says(f.asPerson(exitRefused, "custody", "receive", "q1.txt", "--log", "custody", "--custodian", "alice", "--trust", "site/signer.pub"), "has 8 entries, and the hand-over is not of the last")
	other := strings.Replace(f.read("q1.txt"), "/1/custody\n", "/2/custody\n", 1)
	f.must(os.WriteFile("other.txt", []byte(other), 0o600))
	f.says(f.asPerson(exitRefused, "custody", "receive", "other.txt", "--log", "custody", "--custodian", "alice", "--trust", "site/signer.pub"), "handed over is sledge/")
}

// TestCustodyJobFile: the entries are about one job file, and another one beside the log is not
// believed; a later one that is given judges them all.
func TestCustodyJobFile(t *testing.T) {
	f := custodyDay(t)
	f.sledge(0, "job", "extend", "c.dsse", "--expires", "3h", "--out", "later.dsse")
	verify := func(want int, more ...string) string {
		return f.asPerson(want, append([]string{"custody", "verify", "custody", "--trust", "site/signer.pub", "--seen", "q1.txt"}, more...)...)
	}
	f.says(verify(0), "serial 1")
	f.says(verify(0, "--job", "later.dsse"), "serial 2", "about another job file than the one that was given")
	f.must(os.WriteFile(filepath.Join("custody", "job.dsse"), []byte(f.read("later.dsse")), 0o600))
	f.says(verify(exitRefused), "another job file than the one in the log's folder")
}
