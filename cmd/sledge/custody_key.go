package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Names in a custodian's folder; the memory of what he has cosigned is in seen/.
const (
	custodianKeyName  = "custodian.key"
	custodianCardName = "custodian.json"
	maxCard           = 4 << 10
)

type custodianReport struct {
	manifest.Custodian
	Card        string `json:"card"` // what the data centre puts into the job
	Fingerprint string `json:"fingerprint"`
}

func (r *custodianReport) Print(w io.Writer) {
	fmt.Fprintf(w, "custodian   %s, %s\nverifier    %s\nfingerprint %s\ncard        %s\n\nGive the card to the data centre (sledge job create --custodian), and read the fingerprint\nto them by telephone. Keep the folder: it remembers what you have signed.\n",
		escape(r.Name), escape(r.Organisation), escape(r.Vkey.String()), r.Fingerprint, shownName(r.Card))
}

func (a *app) custodyKey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key --out DIR --name NAME",
		Short: "make a custodian's key, and the folder of what he signs",
		Long: `Make the folder of a person or an organisation that holds devices: a key of its own,
and custodian.json, the card that the data centre puts into the job. The folder also
remembers every log that was cosigned with the key. Keep it, and never use it twice.`,
		Example: `  sledge custody key --out /srv/custodian --name 'Alice Example' --organisation 'Carriers Ltd' --id carriers.example/alice`,
	}
	var out, id string
	var c manifest.Custodian
	cmd.Flags().StringVar(&out, "out", "", "the custodian's new folder `DIR` (required)")
	cmd.Flags().StringVar(&c.Name, "name", "", "the person's `NAME` (required)")
	cmd.Flags().StringVar(&c.Organisation, "organisation", "", "whom the person acts for")
	cmd.Flags().StringVar(&id, "id", "", "the key's `ID`, as other tools show it: a domain and a path, without spaces (required)")
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		if out == "" || c.Name == "" || id == "" {
			return nil, usagef("--out, --name and --id are needed")
		}
		return makeCustodian(out, id, c)
	})
}

func makeCustodian(out, id string, c manifest.Custodian) (report, error) {
	key, err := crypto.GenerateSigningKey()
	if err != nil {
		return nil, err
	}
	if c.Vkey, err = manifest.NewCosignerKey(id, publicOf(key)); err == nil {
		err = c.Validate()
	}
	if err != nil {
		return nil, &usageError{Err: err}
	}
	folder, err := makeFolder(out)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(folder)
	text, err := crypto.EncodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	card, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := durable.CreateExclusive(folder, custodianKeyName, text); err != nil {
		return nil, fmt.Errorf("%s: %w", out, errors.Join(files.ErrExists, err))
	}
	if err := durable.CreatePublic(folder, custodianCardName, append(card, '\n')); err != nil {
		return nil, err
	}
	return &custodianReport{c, filepath.Join(out, custodianCardName), crypto.Fingerprint(publicOf(key))}, nil
}

// readCard reads a custodian's card.
func readCard(name string) (c manifest.Custodian, err error) {
	b, err := files.Read(name, maxCard)
	if err == nil {
		err = manifest.DecodeJSON(b, &c)
	}
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// openCustodian opens a custodian's folder; close it by what it returns.
func openCustodian(dir string) (*witness.Custodian, manifest.Custodian, func(), error) {
	card, err := readCard(filepath.Join(dir, custodianCardName))
	if err != nil {
		return nil, card, nil, err
	}
	b, err := keyfile.Read(filepath.Join(dir, custodianKeyName))
	if err != nil {
		return nil, card, nil, err
	}
	defer clear(b)
	key, err := crypto.ParsePrivateKey(b)
	if err != nil {
		return nil, card, nil, fmt.Errorf("%s: %w", dir, err)
	}
	if !card.Vkey.Key.Equal(publicOf(key)) {
		return nil, card, nil, fmt.Errorf("%s: %w: the card is of another key", dir, manifest.ErrCorrupt)
	}
	folder, err := openFolder(dir)
	if err != nil {
		return nil, card, nil, err
	}
	return &witness.Custodian{Key: key, Name: card.Vkey.Name, FS: folder}, card, func() { vfs.Close(folder) }, nil
}

// jobCustody are the roles of custody that a job names.
type jobCustody struct {
	custodians, erasers, validators []string
	hold                            string
}

func (c *jobCustody) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.custodians, "custodian", nil, "the card of who may hold the device, a `FILE` such as custodian.json; may be repeated")
	flags.StringArrayVar(&c.erasers, "eraser", nil, "a public key `FILE` of who may erase the disks; may be repeated")
	flags.StringArrayVar(&c.validators, "validator", nil, "a public key `FILE` of who decides that an erasure is enough; may be repeated")
	flags.StringVar(&c.hold, "hold", "", "the `REFERENCE` of a hold: nothing may be erased under it")
}

func (c *jobCustody) set(p *site.JobParams) error {
	for _, name := range c.custodians {
		card, err := readCard(name)
		if err != nil {
			return err
		}
		p.Custodians = append(p.Custodians, card)
	}
	for _, name := range c.erasers {
		pub, err := keyfile.ReadPublic(name)
		if err != nil {
			return err
		}
		p.Erasers = append(p.Erasers, pub)
	}
	for _, name := range c.validators {
		pub, err := keyfile.ReadPublic(name)
		if err != nil {
			return err
		}
		p.Validators = append(p.Validators, pub)
	}
	p.Policy.Hold = c.hold
	return nil
}
