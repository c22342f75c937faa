package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/custody/codes"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

const maxHandOver = 256 << 10

type handoverReport struct {
	*addedReport
	To       string   `json:"to"`
	Size     uint64   `json:"size"`
	Old      uint64   `json:"old"`
	Body     string   `json:"body"` // what the receiver is asked
	Files    []string `json:"files"`
	Answered string   `json:"answered,omitempty"` // when the receiver cosigned, by his clock
	show     string   // the codes, for a terminal
}

func (r *handoverReport) Print(w io.Writer) {
	if r.Answered != "" {
		fmt.Fprintf(w, "handed over to %s: cosigned at %s by the receiver's clock, entries 0 to %d\n", escape(r.To), r.Answered, r.Size-1)
		return
	}
	if r.addedReport != nil {
		r.addedReport.Print(w)
	}
	if r.Body == "" {
		fmt.Fprintf(w, "handed over to %s, NOT COUNTERSIGNED: every report says so until the next arrival\n", escape(r.To))
		return
	}
	fmt.Fprintf(w, "to          %s, from entry %d of %d\n", escape(r.To), r.Old, r.Size)
	for _, name := range r.Files {
		fmt.Fprintf(w, "written     %s\n", shownName(name))
	}
	fmt.Fprintf(w, "\n%s%s\nThe receiver reads it with \"sledge custody receive\"; give his answer to\n\"sledge custody handover --answer FILE\".\n", r.show, r.Body)
}

type handoverFlags struct {
	custodyFlags
	event                        eventFlags
	to, toName, carrier, waybill string
	expected, answer, out        string
	packages                     uint64
	again, qr                    bool
	old                          int64
}

func (a *app) custodyHandover() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "handover --to ID",
		Short: "hand the device over: sign it, and ask the receiver to cosign",
		Long: `Sign that the device goes to another custodian of the job, and write what he is asked
to cosign: text, and QR codes to print or to show. His answer comes back by --answer.
From then on only his key signs the log.

A carrier without software is --to none with --to-name and --waybill: the gap is said in
every report.`,
		Example: `  sledge custody handover --device /var/lib/sledge --to carriers.example/alice --waybill 1Z999 --purpose transport --out handover
  sledge custody handover --device /var/lib/sledge --answer answer.txt
  sledge custody handover --device /var/lib/sledge --to none --to-name 'Parcel Ltd' --waybill 1Z999`,
	}
	var f handoverFlags
	f.add(cmd.Flags())
	f.event.add(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the receiver's key `ID`, as the job names it; none for a carrier without software")
	flags.StringVar(&f.toName, "to-name", "", "the receiver's `NAME`, with --to none")
	flags.StringVar(&f.carrier, "carrier", "", "who carries it")
	flags.StringVar(&f.waybill, "waybill", "", "the waybill's `NUMBER`")
	flags.StringVar(&f.expected, "expected", "", "when it should arrive")
	flags.Uint64Var(&f.packages, "packages", 0, "`NUMBER` of packages")
	flags.StringVar(&f.answer, "answer", "", "take the receiver's answer from this `FILE`; - for standard input")
	flags.BoolVar(&f.again, "again", false, "ask again for the hand-over that is in the log already")
	flags.Int64Var(&f.old, "old", -1, "begin at this `SIZE`, which the receiver's own program has named")
	flags.BoolVar(&f.qr, "qr", false, "show the codes on the terminal")
	flags.StringVar(&f.out, "out", "", "write NAME.txt, NAME.html to print and NAME.png (or several), all beginning with this `NAME`")
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		w, err := a.openCustody(&f.custodyFlags, false)
		if err != nil {
			return nil, err
		}
		defer w.close()
		if f.answer != "" {
			return a.takeAnswer(w, f.answer)
		}
		return w.handOver(&f)
	})
}

// receiver is the custodian whom the last hand-over of the log names.
func (w *custodyWork) receiver() (manifest.CosignerKey, uint64, error) {
	events, err := w.events()
	if err != nil {
		return manifest.CosignerKey{}, 0, err
	}
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Kind == event.HandedOver {
			var k manifest.CosignerKey
			return k, uint64(i) + 1, events[i].Get("to_vkey", &k)
		}
	}
	return manifest.CosignerKey{}, 0, usagef("nothing was handed over yet: name the receiver with --to")
}

func (w *custodyWork) handOver(f *handoverFlags) (report, error) {
	if f.again {
		to, _, err := w.receiver()
		if err == nil && to.Name == "" {
			err = usagef("the last hand-over is to nobody who could cosign")
		}
		if err != nil {
			return nil, err
		}
		return w.ask(f, to, nil)
	}
	e := w.event(event.HandedOver)
	to, err := w.target(f, e)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"carrier": f.carrier, "waybill": f.waybill, "expected": f.expected} {
		if text != "" {
			err = errors.Join(err, e.Set(name, text))
		}
	}
	if f.packages > 0 {
		err = errors.Join(err, e.Set("packages", f.packages))
	}
	if len(f.event.seals) > 0 {
		err = errors.Join(err, usagef("seals are applied before: sledge custody add seal-applied"))
	}
	if err := errors.Join(err, f.event.apply(e)); err != nil {
		return nil, err
	}
	if err := w.add(e, w.key); err != nil {
		return nil, err
	}
	if to.Name == "" {
		return &handoverReport{addedReport: w.added(e), To: f.toName, Size: w.log.Size()}, nil
	}
	return w.ask(f, to, w.added(e))
}

// target finds the receiver among the job's custodians.
func (w *custodyWork) target(f *handoverFlags, e *event.Event) (to manifest.CosignerKey, err error) {
	if f.to == "none" {
		if f.toName == "" {
			return to, usagef("--to none needs --to-name: who takes it?")
		}
		return to, errors.Join(e.Set("to_name", f.toName), e.Set("to_vkey", to))
	}
	var ids []string
	for _, c := range w.job.Roles.Custodian {
		ids = append(ids, c.Vkey.Name)
		if c.Vkey.Name != f.to {
			continue
		}
		if c.Vkey.Key.Equal(publicOf(w.key)) {
			return to, usagef("--to %s is the one who has it", f.to)
		}
		return c.Vkey, errors.Join(e.Set("to_name", c.Name), e.Set("to_organisation", c.Organisation), e.Set("to_vkey", c.Vkey))
	}
	return to, usagef("--to %q is no custodian of the job; they are %s", f.to, namesOr(ids, "none"))
}

// ask makes what the receiver is to cosign: from what he has cosigned, as far as the log knows.
func (w *custodyWork) ask(f *handoverFlags, to manifest.CosignerKey, added *addedReport) (report, error) {
	old := uint64(0)
	if f.old >= 0 {
		old = uint64(f.old)
	} else if err := w.cosigned(to, &old); err != nil {
		return nil, err
	}
	proof, err := w.log.Prove(old)
	if err != nil {
		return nil, &usageError{Err: err}
	}
	body := witness.Body{Old: old, Proof: proof, Checkpoint: w.log.Checkpoint()}.Encode()
	r := &handoverReport{addedReport: added, To: to.Name, Size: w.log.Size(), Old: old, Body: string(body), Files: []string{}}
	parts, err := codes.Split(body)
	if err != nil {
		return nil, err
	}
	if f.qr {
		for _, p := range parts {
			text, err := codes.Terminal(p)
			if err != nil {
				return nil, err
			}
			r.show += text + "\n"
		}
	}
	if f.out == "" {
		return r, nil
	}
	r.Files, err = writeCodes(f.out, "Hand-over of "+w.log.Origin, body, parts)
	if err != nil {
		return r, hint(fmt.Errorf("the hand-over is signed, and was not written whole: %w", err), "write it again: sledge custody handover --again --out NAME")
	}
	return r, nil
}

// cosigned finds the largest size of which the log has the receiver's line.
func (w *custodyWork) cosigned(by manifest.CosignerKey, size *uint64) error {
	sizes, err := w.log.Checkpoints()
	if err != nil {
		return err
	}
	for _, n := range sizes {
		note, err := w.log.CheckpointAt(n)
		if err != nil {
			return err
		}
		if _, _, err := witness.OpenCosignature(note, note, by); err == nil {
			*size = n
		}
	}
	return nil
}

// writeCodes writes a text, its page to print and its codes.
func writeCodes(name, title string, text []byte, parts [][]byte) (written []string, err error) {
	page, err := codes.Sheet(title, parts)
	if err != nil {
		return nil, err
	}
	all := []struct {
		name string
		b    []byte
	}{{name + ".txt", text}, {name + ".html", page}}
	for i, p := range parts {
		img, err := codes.PNG(p)
		if err != nil {
			return nil, err
		}
		png := name + ".png"
		if len(parts) > 1 {
			png = fmt.Sprintf("%s-%d.png", name, i+1)
		}
		all = append(all, struct {
			name string
			b    []byte
		}{png, img})
	}
	for _, f := range all {
		if err := files.WriteNew(f.name, f.b, false); err != nil {
			return written, err
		}
		written = append(written, f.name)
	}
	return written, nil
}

// readHandOver reads a file of a hand-over, or several parts of one from several files.
func (a *app) readHandOver(names []string) ([]byte, error) {
	var parts [][]byte
	for _, name := range names {
		var b []byte
		var err error
		if name == "-" {
			b, err = files.ReadLimited(a.in, "standard input", maxHandOver)
		} else {
			b, err = files.Read(name, maxHandOver)
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, b)
	}
	return codes.Join(parts)
}

// takeAnswer puts the receiver's cosignature under the checkpoint that was handed over.
func (a *app) takeAnswer(w *custodyWork, name string) (report, error) {
	to, size, err := w.receiver()
	if err != nil {
		return nil, err
	}
	answer, err := a.readHandOver([]string{name})
	if err != nil {
		return nil, err
	}
	note, err := w.log.CheckpointAt(size)
	if err != nil {
		return nil, err
	}
	line, at, err := witness.OpenCosignature(note, answer, to)
	if err != nil {
		return nil, hint(fmt.Errorf("the answer of %s to entries 0 to %d: %w: %w", to.Name, size-1, errRefused, err), "it is another's answer, or to another hand-over: ask again by sledge custody handover --again")
	}
	if err := w.log.AddSignature(size, line); err != nil {
		return nil, err
	}
	if at.After(a.now().Add(time.Hour)) {
		a.warn("the receiver's clock says %s, this one %s", at.Format(time.RFC3339), a.now().UTC().Format(time.RFC3339))
	}
	return &handoverReport{To: to.Name, Size: size, Answered: at.Format(time.RFC3339), Files: []string{}}, nil
}
