package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type siteExportReport struct {
	Folder   string `json:"folder"`
	Site     string `json:"site"`
	For      string `json:"for"`
	Job      string `json:"job"`
	Signer   string `json:"signer"` // fingerprints
	Importer string `json:"importer"`
}

func (r *siteExportReport) Print(w io.Writer) {
	fmt.Fprintf(w, "site        %s\njob         %s\nfor         %s\nfolder      %s\nsigner      %s\nimporter    %s\n\n",
		escape(r.Site), r.Job, r.For, escape(r.Folder), r.Signer, r.Importer)
	fmt.Fprint(w, "Give this folder to the import host, as its --site. It opens the data of this job's devices, and signs receipts.\n"+
		"The keys that sign jobs and acceptances are not in it.\n")
}

func (a *app) siteExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export --for import --job FILE|ID --out FOLDER",
		Short: "make a folder with the keys that the import of one job needs, and no others",
		Long: `Make a reduced key folder for the host that imports a job's devices: the signer's
public key, the importer's key, the job's file and its site key. The keys that sign jobs
and acceptances, the recovery identity and the keys of other jobs stay in the site's
folder. Every import verb, receive and extract take the reduced folder as --site.

FOLDER is new or empty. The job is named by its file, or by its id.`,
		Example: `  sledge site export --for import --job job.dsse --site /srv/site --out /srv/import-keys`,
	}
	dir := cmd.Flags().String("site", os.Getenv("SLEDGE_SITE"), "the site's key folder (env SLEDGE_SITE)")
	purpose := cmd.Flags().String("for", "", "the `WORK` that the folder is for: import (required)")
	job := cmd.Flags().String("job", "", "the job: its `FILE|ID` (required)")
	out := cmd.Flags().String("out", "", "make this folder, with mode 0700 (required)")
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		switch {
		case *purpose == "":
			return nil, usagef("--for is missing: which work is the folder for? --for import")
		case *purpose != string(site.ForImport):
			return nil, usagef("--for %q: must be import", *purpose)
		case *job == "":
			return nil, usagef("--job is missing: which job is to be imported? give its file or its id")
		case *out == "":
			return nil, usagef("--out names no folder")
		}
		return exportSite(*dir, *job, *out)
	})
}

func exportSite(dir, job, out string) (report, error) {
	s, err := openSite(dir)
	if err != nil {
		return nil, err
	}
	id, err := jobOfSite(s, job)
	if err != nil {
		return nil, err
	}
	export, err := s.ExportImport(id)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", dir, err)
	}
	to, err := lastingFolder(out)
	if errors.Is(err, errNotFolder) {
		return nil, &usageError{Err: fmt.Errorf("--out: %w", err)}
	}
	if err != nil {
		return nil, err
	}
	defer vfs.Close(to)
	if err := export.Check(to); err != nil {
		return nil, fmt.Errorf("export to %s: %w", out, err)
	}
	if err := os.Chmod(out, 0o700); err != nil { // it may have been there
		return nil, err
	}
	reduced, err := export.Write(to)
	if err != nil {
		return nil, fmt.Errorf("export to %s: %w", out, err)
	}
	r := &siteExportReport{Folder: out, Site: reduced.Name, For: string(reduced.For), Job: id.String()}
	for role, text := range map[site.Role]*string{site.Signer: &r.Signer, site.Importer: &r.Importer} {
		pub, err := reduced.PublicKey(role)
		if err != nil {
			return nil, err
		}
		*text = crypto.Fingerprint(pub)
	}
	return r, nil
}

// jobOfSite is the id of the job that the operator named by its id or by a file.
func jobOfSite(s *site.Site, job string) (manifest.ID, error) {
	if id, err := manifest.ParseID(job); err == nil {
		return id, nil
	}
	file, err := files.Read(job, manifest.MaxStatement)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(job, "/.") {
		return manifest.ID{}, usagef("--job %q is neither a file nor a job's id of 32 lower-case hexadecimal characters", job)
	}
	if err != nil {
		return manifest.ID{}, err
	}
	id, err := s.JobID(file)
	if err != nil {
		return id, fmt.Errorf("%s: %w", job, err)
	}
	return id, nil
}

// lastingFolder opens a folder, and makes it where it is missing. Its name is durable.
func lastingFolder(name string) (vfs.FS, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	above := filepath.Dir(path)
	for ; above != "/"; above = filepath.Dir(above) {
		if _, err := os.Stat(above); err == nil {
			break
		}
	}
	root, err := openFolder(above)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(root)
	below, err := filepath.Rel(above, path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := durable.MkdirAll(root, below); err != nil {
			return nil, err
		}
	}
	return openFolder(path)
}
