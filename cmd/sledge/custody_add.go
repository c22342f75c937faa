package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// eventFlags are what every event may say.
type eventFlags struct {
	purpose, condition, note, place, clock string
	uncertainty                            uint64
	attach, set, seals                     []string
	sealClass, inspected                   string
}

func (f *eventFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.purpose, "purpose", "", "why it is done")
	flags.StringVar(&f.condition, "condition", "", "in which condition the packages are")
	flags.StringVar(&f.note, "note", "", "a remark that is signed with it; no names of files")
	flags.StringVar(&f.place, "place", "", "where it is done")
	flags.StringVar(&f.clock, "clock", "", "what this machine's time rests on: rtc, ntp, gps, person or unset (default rtc)")
	flags.Uint64Var(&f.uncertainty, "clock-uncertainty", 0, "by how many `SECONDS` the time may be wrong")
	flags.StringArrayVar(&f.attach, "attach", nil, "a photo or paper, by its SHA-256: a `FILE` that is kept beside the log; may be repeated")
	flags.StringArrayVar(&f.seals, "seal", nil, "the `NUMBER` of a seal; may be repeated")
	flags.StringVar(&f.sealClass, "seal-class", "", "the seals' class of ISO 17712: I, S or H")
	flags.StringVar(&f.inspected, "inspected", "", "what was done with each seal: view,verify,tug,twist")
}

// apply gives an event what was typed.
func (f *eventFlags) apply(e *event.Event) error {
	e.Purpose, e.Condition, e.Note = f.purpose, f.condition, f.note
	if f.place != "" {
		e.Place = &event.Place{Text: f.place}
	}
	if f.clock != "" {
		e.Clock.Source = f.clock
	}
	e.Clock.Uncertainty = f.uncertainty
	for _, name := range f.attach {
		a, err := attachment(name)
		if err != nil {
			return err
		}
		e.Attachments = append(e.Attachments, a)
	}
	for _, s := range f.set {
		name, typed, ok := strings.Cut(s, "=")
		if !ok {
			return usagef("--set %q is not NAME=VALUE", s)
		}
		value, err := e.Kind.Parse(name, typed)
		if err == nil {
			err = e.Set(name, value)
		}
		if err != nil {
			return &usageError{Err: err}
		}
	}
	if len(f.seals) == 0 {
		return nil
	}
	seals, err := f.sealList()
	if err != nil {
		return err
	}
	return e.Set("seals", seals)
}

func (f *eventFlags) sealList() (seals []event.Seal, err error) {
	done := map[string]*bool{}
	if f.inspected != "" {
		for step := range strings.SplitSeq(f.inspected, ",") {
			if !slices.Contains([]string{"view", "verify", "tug", "twist"}, step) {
				return nil, usagef("--inspected %q: the steps are view, verify, tug and twist", step)
			}
			yes := true
			done[step] = &yes
		}
	}
	if f.sealClass != "" && !slices.Contains([]string{"I", "S", "H"}, f.sealClass) {
		return nil, usagef("--seal-class %q is not I, S or H", f.sealClass)
	}
	for _, number := range f.seals {
		if err := event.CheckNumber(number); err != nil {
			return nil, &usageError{Err: err}
		}
		if slices.ContainsFunc(seals, func(s event.Seal) bool { return s.Number == number }) {
			return nil, usagef("seal %q is named twice", number)
		}
		seals = append(seals, event.Seal{Number: number, Class: f.sealClass, View: done["view"], Verify: done["verify"], Tug: done["tug"], Twist: done["twist"]})
	}
	return seals, nil
}

// attachment digests a file of any size.
func attachment(name string) (a event.Attachment, err error) {
	f, err := os.Open(name)
	if err != nil {
		return a, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return a, fmt.Errorf("%s: %w", name, err)
	}
	return event.Attachment{Name: filepath.Base(name), SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: uint64(n), Media: mime.TypeByExtension(filepath.Ext(name))}, nil
}

type addedReport struct {
	Log    string `json:"log"`
	Event  string `json:"event"`
	Index  uint64 `json:"index"`
	Origin string `json:"origin"`
	Time   string `json:"time"`
	Clock  string `json:"clock"`
}

func (r *addedReport) Print(w io.Writer) {
	fmt.Fprintf(w, "entry %d, %s, signed at %s (clock: %s)\nlog         %s\n", r.Index, r.Event, r.Time, r.Clock, shownName(r.Log))
}

func (w *custodyWork) added(e *event.Event) *addedReport {
	return &addedReport{w.dir, string(e.Kind), e.Seq, w.log.Origin, e.Time.UTC().Format(time.RFC3339), e.Clock.Source}
}

// roleFlags name a role's key that signs the event, where it is not the custodian's own.
type roleFlags struct {
	as, name string
	key      *keyFile
}

func (a *app) custodyAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add EVENT",
		Short: "sign an event of the device into its custody log",
		Long: `Write what happened as a signed entry. The device begins the log with "provisioned".
While it has a log, unlock, lock, load and seal write their own events. Later the
custodian of the moment writes, and each event is signed by whom docs/format.md names for
it: --as and --key give the key of another role. An EVENT that there is none of is
answered by the list of them.`,
		Example: `  sledge custody add provisioned --device /var/lib/sledge
  sledge custody add seal-applied --seal ML-10021 --seal-class H --inspected view,verify,tug,twist
  sledge custody add arrived --log custody --custodian /srv/custodian --trust signer.pub --seal ML-10021 --condition good
  sledge custody add accepted --log custody --custodian /srv/custodian --trust signer.pub --as acceptor \
      --key acceptor.key --set acceptance_sha256=5f0c…`,
	}
	var f custodyFlags
	var e eventFlags
	var r roleFlags
	f.add(cmd.Flags())
	e.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&e.set, "set", nil, "a field of the event, `NAME=VALUE`; may be repeated")
	cmd.Flags().StringVar(&r.as, "as", "", "the `ROLE` whose key signs the event: importer, acceptor, eraser, validator or signer")
	cmd.Flags().StringVar(&r.name, "as-name", "", "the `NAME` of who acts in that role")
	r.key = newKeyFile(cmd.Flags(), "key", "that role's private key, a `FILE`; - for standard input")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		return a.addEvent(event.Kind(args[0]), &f, &e, &r)
	})
}

func eventNames() string {
	var names []string
	for _, k := range event.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func (a *app) addEvent(kind event.Kind, f *custodyFlags, ef *eventFlags, r *roleFlags) (report, error) {
	switch {
	case !kind.Known():
		return nil, usagef("%q is no event; they are %s", kind, eventNames())
	case kind == event.HandedOver:
		return nil, usagef("a hand-over is signed by sledge custody handover")
	}
	w, err := a.openCustody(f, kind == event.Provisioned)
	if err != nil {
		return nil, err
	}
	defer w.close()
	e := w.event(kind)
	by := w.key
	if r.as != "" {
		if by, err = r.sign(a, w.job, e); err != nil {
			return nil, err
		}
	}
	if err := w.known(e); err != nil {
		return nil, err
	}
	if err := ef.apply(e); err != nil {
		return nil, err
	}
	if kind == event.Arrived {
		return w.arrive(e, nil)
	}
	return w.added(e), w.add(e, by)
}

// known are the details that the device itself knows.
func (w *custodyWork) known(e *event.Event) error {
	switch {
	case e.Kind == event.Provisioned && w.card.Name == "":
		d, _ := w.job.Device(w.scope.Device)
		return errors.Join(e.Set("device_key", crypto.Fingerprint(publicOf(w.key))), e.Set("protection", d.Protection))
	case e.Kind == event.Closed:
		return errors.Join(e.Set("events", w.log.Size()+1), e.Set("missing", []string{}))
	}
	return nil
}

// sign makes the event another role's.
func (r *roleFlags) sign(a *app, job *manifest.Job, e *event.Event) (ed25519.PrivateKey, error) {
	pinned, ok := map[string][]manifest.PublicKey{
		"importer": job.Roles.Importer, "acceptor": job.Roles.Acceptor, "eraser": job.Roles.Eraser, "validator": job.Roles.Validator, "signer": {job.Signer},
	}[r.as]
	if !ok {
		return nil, usagef("--as %q is not importer, acceptor, eraser, validator or signer", r.as)
	}
	if !r.key.given() {
		return nil, usagef("--key is missing: which key of the %s signs the event?", r.as)
	}
	key, err := roleKey{role: site.Role(r.as), file: r.key, signs: "event"}.read(a, pinned)
	if err != nil {
		return nil, err
	}
	e.Actor = event.Actor{Name: r.name, Role: r.as, KeyID: crypto.KeyID(publicOf(key))}
	if r.name == "" {
		e.Actor.Name = r.as
	}
	return key, nil
}
