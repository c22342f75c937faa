package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/codes"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// cosignReport is what a custodian is asked to sign, and his answer. Outcome is the number
// that tlog-witness has for it.
type cosignReport struct {
	Outcome int      `json:"outcome"` // 200, 400, 403, 409 or 422
	Origin  string   `json:"origin"`
	Job     string   `json:"job"`
	Device  string   `json:"device"`
	By      string   `json:"signed_by"`
	Before  uint64   `json:"cosigned_before"`
	Size    uint64   `json:"size"`
	Root    string   `json:"root"`
	Again   bool     `json:"cosigned_already"`
	Handed  bool     `json:"hand_over_seen"` // the log was given, and its last entry hands over to this custodian
	Answer  string   `json:"answer,omitempty"`
	Files   []string `json:"files"`
	show    string
}

func (r *cosignReport) Print(w io.Writer) {
	if r.Size == 0 {
		return
	}
	fmt.Fprintf(w, "log         %s\nsigned by   %s\nentries     0 to %d; you had cosigned %d before\nroot        %s\n", escape(r.Origin), escape(r.By), r.Size-1, r.Before, r.Root)
	if r.Answer == "" {
		return
	}
	what := "You have signed: this is the largest custody log of this device that you have seen, and it\ncontinues everything that you have signed of it before.\n"
	if r.Again {
		what = "You have signed this already; the same answer again.\n"
	}
	if r.Handed {
		what += "Its last entry hands the device over to you: you have it now.\n"
	} else {
		what += "Its entries were not given (--log), so that this says nothing of what they hold.\n"
	}
	fmt.Fprintf(w, "\n%s", what)
	for _, name := range r.Files {
		fmt.Fprintf(w, "written     %s\n", shownName(name))
	}
	fmt.Fprintf(w, "\n%s%s", r.show, r.Answer)
}

type receiveFlags struct {
	custodyFlags
	job, out   string
	qr, dryRun bool
}

func (a *app) custodyReceive() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receive FILE...",
		Short: "take a device over: check what was handed over, and cosign it",
		Long: `FILE is what the giver wrote, or the text of his QR code; - is standard input, and the
parts of several codes are several files. It is checked that the log continues what you
have cosigned of it, by your own memory. Then it is remembered, and only then signed.

With --log the log itself is verified, and that its last entry hands over to you.
--dry-run shows what would be signed. Then write the arrival by "sledge custody add
arrived".`,
		Example: `  sledge custody receive handover.txt --custodian /srv/custodian --job job.dsse --trust signer.pub --out answer
  sledge custody receive - --custodian /srv/custodian --job job.dsse --trust signer.pub --qr
  sledge custody receive handover.txt --log custody --custodian /srv/custodian --trust signer.pub --dry-run`,
	}
	var f receiveFlags
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&f.job, "job", "", "the job `FILE` (default: the one in --log)")
	cmd.Flags().StringVar(&f.out, "out", "", "write the answer as NAME.txt, NAME.html and NAME.png")
	cmd.Flags().BoolVar(&f.qr, "qr", false, "show the answer's code on the terminal")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only show what would be signed")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) { return a.cosign(&f, args) })
}

func (a *app) cosign(f *receiveFlags, names []string) (report, error) {
	if f.custodian == "" || f.trust == "" || f.job == "" && f.log == "" {
		return nil, usagef("--custodian, --trust, and --job or --log are needed")
	}
	c, card, done, err := openCustodian(f.custodian)
	if err != nil {
		return nil, err
	}
	defer done()
	text, err := a.readHandOver(names)
	if err != nil {
		return nil, err
	}
	r := &cosignReport{Outcome: 400, Files: []string{}}
	body, err := witness.ParseBody(text)
	if err != nil {
		return r, err
	}
	job, err := f.jobFile()
	if err != nil {
		return nil, err
	}
	if err := isCustodian(job, card.Vkey); err != nil {
		return nil, err
	}
	keys, err := r.whose(job, body)
	if err == nil && f.log != "" {
		err = a.handedTo(f, r, body, card)
	}
	if err != nil {
		r.Outcome = outcomeOf(err)
		return r, err
	}
	got, err := c.Check(body, r.Origin, keys...)
	if err != nil {
		r.Outcome = outcomeOf(err)
		return r, err
	}
	r.Outcome, r.Size, r.Before, r.Again, r.By = 200, got.Size, got.Old, got.Line != nil, keyName(job, got.By)
	r.Root = fmt.Sprintf("%x", got.Root)
	if f.dryRun {
		return r, nil
	}
	line, err := c.Cosign(body, r.Origin, a.now(), keys...)
	if err != nil {
		r.Outcome = outcomeOf(err)
		return r, err
	}
	return r, r.answer(f, line)
}

// answer gives the line as text and codes.
func (r *cosignReport) answer(f *receiveFlags, line []byte) (err error) {
	r.Answer = string(line)
	if f.qr {
		if r.show, err = codes.Terminal(line); err != nil {
			return err
		}
	}
	if f.out == "" {
		return nil
	}
	if r.Files, err = writeCodes(f.out, "Answer to the hand-over of "+r.Origin, line, [][]byte{line}); err != nil {
		err = hint(fmt.Errorf("it is signed, and the answer was not written whole: %w", err), "run the same command again with another --out: the same answer comes")
	}
	return err
}

// jobFile is the job that says who may hold the device.
func (f *receiveFlags) jobFile() (*manifest.Job, error) {
	name := f.job
	if name == "" {
		name = f.log + "/" + log.JobName
	}
	b, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	signer, err := trustedKey(f.trust, b)
	if err != nil {
		return nil, err
	}
	job, err := manifest.OpenJob(b, signer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, &jobFileError{err})
	}
	return job, nil
}

func isCustodian(job *manifest.Job, k manifest.CosignerKey) error {
	for _, c := range job.Roles.Custodian {
		if c.Vkey.Equal(k) {
			return nil
		}
	}
	return hint(usagef("%s is no custodian of job %s", k.Name, job.ID), "have the data centre put the card custodian.json into the job")
}

// whose finds the device that the hand-over is of, and the keys that may have signed it.
func (r *cosignReport) whose(job *manifest.Job, b witness.Body) (keys []ed25519.PublicKey, err error) {
	origin := witness.Origin(b.Checkpoint)
	for _, d := range job.Devices {
		prefix := strings.TrimSuffix(manifest.Scope{Job: job.ID, Device: d.ID}.Origin(), "0")
		rest, ok := strings.CutPrefix(origin, prefix)
		var generation uint32
		if _, err := fmt.Sscanf(rest, "%d", &generation); !ok || err != nil {
			continue
		}
		scope := manifest.Scope{Job: job.ID, Device: d.ID, Generation: generation}
		if generation == 0 || scope.CustodyOrigin() != origin {
			continue
		}
		r.Origin, r.Job, r.Device = origin, job.ID.String(), d.ID.String()
		keys = append(keys, d.PublicKey.PublicKey)
		for _, c := range job.Roles.Custodian {
			keys = append(keys, c.Vkey.Key)
		}
		return keys, nil
	}
	return nil, fmt.Errorf("%w: %.200q is of no device of job %s", witness.ErrUnknown, origin, job.ID)
}

// handedTo verifies the log that came with the hand-over.
func (a *app) handedTo(f *receiveFlags, r *cosignReport, b witness.Body, card manifest.Custodian) error {
	t, err := keyless.Trust(f.trust)
	if err != nil {
		return err
	}
	state, err := a.checkCustody(f.log, custody.Input{Trust: t, Seen: [][]byte{b.Checkpoint}})
	if err != nil {
		return err
	}
	if bad := state.Refused(); bad != nil {
		return fmt.Errorf("custody log %s: %w: %s", f.log, errRefused, bad.Text)
	}
	switch at := state.Events[len(state.Events)-1]; {
	case state.Origin != r.Origin:
		return fmt.Errorf("custody log %s: %w: it is %s, and handed over is %s", f.log, errRefused, state.Origin, r.Origin)
	case state.Confirmed != state.Size:
		return fmt.Errorf("custody log %s: %w: it has %d entries, and the hand-over is not of the last of them", f.log, errRefused, state.Size)
	case at.Kind != string(event.HandedOver):
		return fmt.Errorf("custody log %s: %w: its last entry is no hand-over, but %s", f.log, errNotCustodian, at.Kind)
	}
	last := state.Holders[len(state.Holders)-1]
	if last.KeyID != crypto.KeyID(card.Vkey.Key) {
		return fmt.Errorf("custody log %s: %w: its last hand-over is to %s", f.log, errNotCustodian, last.Name)
	}
	r.Handed = true
	return nil
}

func keyName(job *manifest.Job, key ed25519.PublicKey) string {
	for _, c := range job.Roles.Custodian {
		if c.Vkey.Key.Equal(key) {
			return c.Name + " (" + c.Vkey.Name + ")"
		}
	}
	return "the device, " + crypto.Fingerprint(key)
}

// outcomeOf is the number that tlog-witness has for an error.
func outcomeOf(err error) int {
	switch {
	case errors.Is(err, witness.ErrUnknown):
		return 403
	case isBehind(err):
		return 409
	case errors.Is(err, witness.ErrProof), errors.Is(err, errRefused):
		return 422
	}
	return 400
}
