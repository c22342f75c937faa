package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
)

type siteReport struct {
	Folder      string   `json:"folder"`
	Name        string   `json:"name"`
	Signer      string   `json:"signer"` // fingerprints
	Importer    string   `json:"importer"`
	Acceptor    string   `json:"acceptor"`
	Recipients  []string `json:"recovery_recipients,omitempty"`
	HasIdentity bool     `json:"recovery_identity_here"`
}

func (r *siteReport) Print(w io.Writer) {
	fmt.Fprintf(w, "site        %s\nfolder      %s\nsigner      %s\nimporter    %s\nacceptor    %s\n", escape(r.Name), escape(r.Folder), r.Signer, r.Importer, r.Acceptor)
	for _, recipient := range r.Recipients {
		if len(recipient) > 40 {
			recipient = recipient[:40] + "…"
		}
		fmt.Fprintf(w, "recovery    %s\n", recipient)
	}
	printIf(w, len(r.Recipients) == 0, "recovery    none: if a job's site.key is lost, its data is lost\n")
	fmt.Fprintf(w, "\nGive signer.pub to devices and auditors, and tell its fingerprint by another way.\n")
	printIf(w, r.HasIdentity, "Take %s offline now: it opens every job's data.\n", escape(filepath.Join(r.Folder, "recovery.identity")))
}

func (a *app) siteInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init DIR --name NAME",
		Short: "create the data centre's key folder",
		Long: `Make the key folder of a data centre: the job signing key, which devices and
auditors trust, and the keys of the importer and the acceptor. Nothing that is
there is overwritten.`,
		Example: `  sledge site init /srv/site --name "Example Ltd, Frankfurt"
  sledge site init /srv/site --name Example --recovery-identity
  sledge site init /srv/site --name Example --recovery-recipient age1pq1…`,
	}
	name := cmd.Flags().String("name", "", "the site's `NAME`, as job files show it (required)")
	identity := cmd.Flags().Bool("recovery-identity", false, "make a recovery identity (age, post-quantum) here, to be taken offline")
	recipients := cmd.Flags().StringArray("recovery-recipient", nil, "an age `RECIPIENT` that can recover load keys; may be repeated")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		if *name == "" {
			return nil, usagef("--name is missing: how shall job files call this site?")
		}
		folder, err := makeFolder(args[0])
		if err != nil {
			return nil, err
		}
		defer vfs.Close(folder)
		s, err := site.Init(folder, site.Options{Name: *name, Recovery: *identity, Recipients: *recipients})
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", args[0], err)
		}
		return describeSite(s, args[0], *identity)
	})
}

func describeSite(s *site.Site, folder string, identity bool) (report, error) {
	r := &siteReport{Folder: folder, Name: s.Name, HasIdentity: identity}
	for role, text := range map[site.Role]*string{site.Signer: &r.Signer, site.Importer: &r.Importer, site.Acceptor: &r.Acceptor} {
		pub, err := s.PublicKey(role)
		if err != nil {
			return nil, err
		}
		*text = crypto.Fingerprint(pub)
	}
	var err error
	r.Recipients, err = s.Recipients()
	return r, err
}

// openSite opens a key folder that the operator named.
func openSite(name string) (*site.Site, error) {
	if name == "" {
		return nil, usagef("--site names no folder")
	}
	folder, err := openFolder(name)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	s, err := site.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", name, err)
	}
	return s, nil
}

type wrapReport struct {
	Job        string `json:"job"`
	Device     string `json:"device"`
	Generation uint32 `json:"generation"`
	Answer     string `json:"answer"`
}

func (r *wrapReport) Print(w io.Writer) {
	fmt.Fprintf(w, "job         %s\ndevice      %s\ngeneration  %d\nproven      this site opens the load key, and the device's data with it\nanswer      %s\n\nTell the answer to the field staff: \"sledge seal --wrap-answer %s\"\n",
		r.Job, r.Device, r.Generation, r.Answer, r.Answer)
}

func (a *app) siteCheckWrap() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check-wrap FILE --site DIR",
		Short: "check that the site can open a device's data, before the seal",
		Long: `FILE comes from the device ("sledge status --wrap-check FILE"). It holds the load
key, wrapped to this job's site key, with the device's signatures. The check proves
that the site key opens it, that the device's packs are encrypted under it, and that
the device of the job signed it. Then a short answer is printed. Tell it to the
field: the device wants it before it seals.`,
		Example: `  sledge site check-wrap sledge-1f0c22aa.wrapcheck --site /srv/site`,
	}
	dir := cmd.Flags().String("site", os.Getenv("SLEDGE_SITE"), "the site's key folder (env SLEDGE_SITE)")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		s, err := openSite(*dir)
		if err != nil {
			return nil, err
		}
		bundle, err := files.Read(args[0], 1<<20)
		if err != nil {
			return nil, err
		}
		answer, err := s.CheckWrap(bundle)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[0], err)
		}
		return &wrapReport{answer.Scope.Job.String(), answer.Scope.Device.String(), answer.Scope.Generation, answer.Code}, nil
	})
}
