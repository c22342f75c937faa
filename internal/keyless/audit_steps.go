package keyless

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/dossier"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// jobs checks job files by themselves.
func (a *audit) jobs(context.Context) error {
	for _, in := range a.found.Jobs {
		c := dossier.Check{ID: "job", Subject: in.Name, Rule: "3", Asks: "Did the trusted signer sign this job file, whole?", Inputs: []dossier.Input{in}}
		text, err := a.read(in)
		if err != nil {
			a.add(c, nil, err, "")
			continue
		}
		job, err := fsck.OpenJob(text, a.trust)
		switch {
		case err != nil:
			a.add(c, nil, fmt.Errorf("%w: %w", verdict.ErrRefused, err), "")
		case a.trust == nil:
			a.add(c, nil, verdict.ErrUnproven, "")
		default:
			a.add(c, nil, nil, fmt.Sprintf("job %s, serial %d, of %s", job.Job, job.Serial, terminal.Plural(len(job.Devices), "device")))
		}
	}
	return nil
}

// readLabels sorts labels by the device's log. Of two different ones of a device none counts.
func (a *audit) readLabels(context.Context) error {
	a.labels = map[string][]byte{}
	sums := map[string]string{}
	for _, in := range a.found.Labels {
		c := labelCheck(in)
		text, err := a.read(in)
		if err != nil {
			a.add(c, nil, err, "")
			continue
		}
		_, origin, err := fsck.LabelOf(text)
		if err != nil { // it was one when the folder was looked at
			return err
		}
		if other, ok := sums[origin]; ok && other != in.SHA256 {
			a.add(c, nil, fmt.Errorf("%w: another label of the same device lies here, and they differ", verdict.ErrRefused), "")
			sums[origin] = "" // nor does a third
			delete(a.labels, origin)
			continue
		}
		sums[origin], a.labels[origin] = in.SHA256, text
	}
	return nil
}

func labelCheck(in dossier.Input) dossier.Check {
	return dossier.Check{ID: "label", Subject: in.Name, Rule: "8.2", Asks: "Is this the one label of its device, of what lies here?", Inputs: []dossier.Input{in}}
}

// strayLabels checks that every label is of something that lies here. One of another generation
// of a device says that what lies here is not its last state.
func (a *audit) strayLabels(context.Context) error {
	here := map[string]bool{} // origins
	for _, name := range a.found.Disks {
		here[diskOrigin(a.path(name))] = true
	}
	for _, name := range a.found.Receipts {
		if origin, err := receiptsOrigin(a.path(name)); err == nil {
			here[origin] = true
		}
	}
	for _, in := range a.found.Labels {
		text, err := a.read(in)
		if err != nil {
			continue // readLabels has said so
		}
		device, origin, err := fsck.LabelOf(text)
		if err != nil || here[origin] {
			continue
		}
		err = fmt.Errorf("%w: no disk and no receipts of its device are here", errNotHere)
		for other := range here {
			if (&Matched{Origin: other}).device() == device {
				err = fmt.Errorf("%w: what lies here of device %s is of another generation than its label", verdict.ErrRefused, device)
			}
		}
		a.add(labelCheck(in), nil, err, "")
	}
	return nil
}

// disks checks the disks of each device together.
func (a *audit) disks(ctx context.Context) error {
	byOrigin := map[string][]string{}
	var origins []string
	for _, name := range a.found.Disks {
		origin := diskOrigin(a.path(name))
		if byOrigin[origin] == nil {
			origins = append(origins, origin)
		}
		byOrigin[origin] = append(byOrigin[origin], name)
	}
	slices.Sort(origins)
	for _, origin := range origins {
		if err := a.device(ctx, origin, byOrigin[origin]); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) device(ctx context.Context, origin string, names []string) error {
	c := dossier.Check{ID: "disks", Subject: strings.Join(names, ", "), Rule: "10.1", Asks: "Is every block on these disks what the device signed?"}
	check := fsck.Disks
	if a.quick {
		c.ID, c.Asks, check = "manifest", "Is everything that the device signed whole? (blocks of data were not read)", fsck.Manifest
	}
	for _, name := range names {
		c.Inputs = append(c.Inputs, a.inputsIn(name, "sledge/log/checkpoint")...)
	}
	m := a.s.Meter()
	defer m.End()
	o, done, err := a.s.OptionsOf(func() ([]string, error) { return a.paths(names), nil }, Check{Trust: a.given, Text: a.labels[origin]}, m)
	if err != nil {
		return err
	}
	defer done()
	r, err := check(ctx, o)
	if err != nil {
		return err
	}
	rep := &SetReport{r}
	a.add(c, r, rep.End(), fmt.Sprintf("device %s, generation %d: %s, %s of the manifest, %s read", r.Device, r.Generation,
		terminal.Plural(r.Packs, "pack"), terminal.Plural(r.Pages, "page"), terminal.Size(r.BytesRead)))
	if a.labels[origin] == nil {
		a.add(dossier.Check{ID: "label", Subject: c.Subject, Rule: "8.2", Asks: "Are these disks the device's last state?"}, nil,
			fmt.Errorf("%w: no label of device %s is here, and an older state of its disks would look the same", errNotHere, r.Device), "")
	}
	return nil
}

// inputsIn are small files of a folder of the folder, as far as they can be read.
func (a *audit) inputsIn(folder string, names ...string) (inputs []dossier.Input) {
	for _, name := range names {
		text, err := files.ReadIn(a.path(folder), name, maxStatement)
		if err != nil {
			continue // whoever checks the folder says so
		}
		sum := sha256.Sum256(text)
		inputs = append(inputs, dossier.Input{Name: folder + "/" + name, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(text))})
	}
	return inputs
}

// receipts checks each import's receipts against a disk of its device.
func (a *audit) receipts(ctx context.Context) error {
	for _, name := range a.found.Receipts {
		c := dossier.Check{ID: "receipts", Subject: name, Rule: "10", Asks: "Did an importer of the job sign these receipts, and do they cover the whole manifest?",
			Inputs: a.inputsIn(name, "log/checkpoint", "total.dsse")}
		of := &Matched{Folder: a.path(name)}
		var err error
		if of.Origin, err = receiptsOrigin(of.Folder); err != nil {
			a.add(c, nil, fmt.Errorf("%w: %w", verdict.ErrRefused, err), "")
			continue
		}
		of.text = a.labels[of.Origin]
		for _, disk := range a.found.Disks {
			if diskOrigin(a.path(disk)) == of.Origin {
				of.Disks = append(of.Disks, a.path(disk))
			}
		}
		if len(of.Disks) == 0 {
			a.add(c, nil, fmt.Errorf("%w: no disk of the device is here; any one is enough", errNotHere), "")
			continue
		}
		d := &Device{Receipts: of.Folder}
		if d.ReceiptReport, err = a.s.VerifyReceipts(ctx, of, a.given); err != nil {
			return err
		}
		if d.Canceled, err = a.s.Canceled(of.Folder, d.Run); err != nil {
			return fmt.Errorf("%s: %w", of.Folder, err)
		}
		d.CompareTarget("")
		a.devices = append(a.devices, d)
		err = d.Proven()
		for _, end := range []func() error{d.Imported, d.Unsettled} {
			if err == nil {
				err = end()
			}
		}
		a.add(c, d, err, fmt.Sprintf("run %s: %s, every record of the manifest has an outcome, and none failed", d.Run, terminal.Plural(d.Lines, "line")))
	}
	return nil
}

// acceptances checks each acceptance with the receipts that it names.
func (a *audit) acceptances(ctx context.Context) error {
	for _, in := range a.found.Acceptances {
		c := dossier.Check{ID: "acceptance", Subject: in.Name, Rule: "8.3", Asks: "Did an acceptor of the job sign this, and are these the receipts that were accepted?", Inputs: []dossier.Input{in}}
		text, err := a.read(in)
		if err != nil {
			a.add(c, nil, err, "")
			continue
		}
		var labels [][]byte
		for _, origin := range slices.Sorted(maps.Keys(a.labels)) {
			labels = append(labels, a.labels[origin])
		}
		s := *a.s
		s.Disks = func() ([]string, error) {
			if len(a.found.Disks) == 0 {
				return nil, ErrNoDisks
			}
			return a.paths(a.found.Disks), nil
		}
		r, err := s.acceptanceOf(ctx, text, a.accepted(text), a.given, labels)
		rep, ok := r.(*Accepted)
		if !ok {
			return err
		}
		if n := rep.NotCompared; n > 0 && errors.Is(err, verdict.ErrObjects) {
			err = fmt.Errorf("%w: the receipts of %s are not here", errNotHere, terminal.Plural(n, "device"))
		}
		a.add(c, rep, err, fmt.Sprintf("accepted at %s by %s, for %s", rep.Accepted.Format("2006-01-02 15:04 MST"), rep.Acceptor, terminal.Plural(len(rep.Devices), "device")))
	}
	return nil
}

// accepted are the receipts' folders whose checkpoints an acceptance names. Of a device of
// which none does, all are given, so that the difference is found.
func (a *audit) accepted(text []byte) (dirs []string) {
	named := dossier.Subjects(text)
	fits := map[string]string{} // folder by device
	var rest []*Matched
	for _, name := range a.found.Receipts {
		of := &Matched{Folder: a.path(name)}
		var err error
		if of.Origin, err = receiptsOrigin(of.Folder); err != nil {
			continue
		}
		for _, in := range a.inputsIn(name, "log/checkpoint") {
			if named["receipts/"+of.device()] == in.SHA256 {
				fits[of.device()] = of.Folder
			}
		}
		rest = append(rest, of)
	}
	for _, of := range rest {
		if fits[of.device()] == "" {
			fits[of.device()] = of.Folder
		}
	}
	for _, dir := range fits {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// commits checks commit markers with the receipts that they commit.
func (a *audit) commits(context.Context) error {
	trust, err := someTrust(a.given)
	if err != nil {
		return err
	}
	for _, in := range a.found.Commits {
		c := dossier.Check{ID: "commit", Subject: in.Name, Rule: "8.4", Asks: "Did an importer of the job sign this commit marker, for these receipts?", Inputs: []dossier.Input{in}}
		text, err := a.read(in)
		if err != nil {
			a.add(c, nil, err, "")
			continue
		}
		marker, err := fsck.VerifyCommit(text, trust)
		if err != nil {
			a.add(c, nil, fmt.Errorf("%w: %w", verdict.ErrRefused, err), "")
			continue
		}
		r := &CommitReport{marker, "not compared: the receipts are not here"}
		compared := false
		for _, name := range a.found.Receipts {
			for _, at := range a.inputsIn(name, "log/checkpoint") {
				if at.SHA256 == marker.SHA256 {
					compared, err = true, errors.Join(err, r.compare(a.path(name)))
				}
			}
		}
		if err == nil {
			err = r.End()
		}
		if err == nil && !compared {
			err = fmt.Errorf("%w: the receipts that it commits are not here", errNotHere)
		}
		a.add(c, r, err, fmt.Sprintf("run %s into %s: %s; receipts: %s", r.Run, r.Target, terminal.Plural(r.Objects, "object"), r.Receipts))
	}
	return nil
}

// proofs checks proofs of single files, with the file where it lies beside its proof.
func (a *audit) proofs(context.Context) error {
	for _, in := range a.found.Proofs {
		c := dossier.Check{ID: "proof", Subject: in.Name, Rule: "7.6", Asks: "Is this file in the sealed manifest, as it was loaded?", Inputs: []dossier.Input{in}}
		plain := ""
		if name, ok := strings.CutSuffix(in.Name, ".proof"); ok && isFile(a.path(name)) {
			plain = a.path(name)
			a.found.Used(name)
		}
		text, err := a.read(in)
		if err != nil {
			a.add(c, nil, err, "")
			continue
		}
		rep, err := proofOf(in.Name, text, a.given, plain, nil)
		if rep == nil {
			a.add(c, nil, err, "")
			continue
		}
		a.add(c, rep, err, fmt.Sprintf("%s %s; content: %s", KindNoun(rep.Record.Kind), rep.Record.Path, rep.Content))
	}
	return nil
}
