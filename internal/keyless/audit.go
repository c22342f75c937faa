package keyless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/dossier"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
)

var (
	// ErrInPart: what could be checked is right, and not everything could be.
	ErrInPart = errors.New("checked in part")
	// ErrNothing: the folder has nothing that could be checked.
	ErrNothing = errors.New("nothing to check")
)

// Audit is the verb that checks everything in a folder.
func Audit() *Verb {
	var f struct {
		trust, page string
		quick       bool
	}
	return &Verb{
		Use:   "audit DIR",
		Short: "check everything that lies in a folder, in one pass",
		Long: `DIR is a folder with what you were given, in any order and depth: job files, labels,
mounted disks or copies of them, receipts, acceptances, commit markers, proofs with
their files beside them (x and x.proof). What a file is, its content says. Each check
has its rule, the SHA-256 of what it read, and a result: pass, fail, or not possible
and why. Links are not followed, no network is used, and no secret is needed. Whether
the objects are still in the store is not checked here: "sledge verify import" asks it.`,
		Example: `  sledge audit /evidence --trust sha256:1f0c… --html audit.html
  sledge audit /evidence --trust signer.pub --json > audit.json
  sledge audit /evidence --trust signer.pub --quick`,
		Flags: func(flags cmdline.Flags) {
			flags.StringVar(&f.trust, "trust", "", trustUsage)
			flags.StringVar(&f.page, "html", "", "write the report as one HTML page into a new file")
			flags.BoolVar(&f.quick, "quick", false, "of disks check what is signed, and not every block")
		},
		Run: func(ctx context.Context, s *Session, args []string) (cmdline.Report, error) {
			a := &audit{s: s, dir: args[0], quick: f.quick, given: f.trust}
			r, err := a.run(ctx)
			if err != nil {
				return nil, err
			}
			if f.page != "" {
				if _, err := files.New(f.page, 0o644, func(w io.Writer) error { return r.WritePage(w) }); err != nil {
					return r, err
				}
			}
			return r, a.end()
		},
	}
}

// audit is one pass over a folder.
type audit struct {
	s     *Session
	dir   string
	quick bool
	given string // --trust
	trust *fsck.Trust

	root    fs.FS // the folder
	found   *dossier.Found
	r       *dossier.Report
	labels  map[string][]byte // by origin
	devices []*Device
	failed  []error
}

func (a *audit) run(ctx context.Context) (*dossier.Report, error) {
	var err error
	if a.trust, err = Trust(a.given); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	a.r = &dossier.Report{Folder: a.dir, Began: time.Now().UTC(), Trust: a.whoIsTrusted(), Checks: []dossier.Check{}}
	a.root = vfs.Plain(root)
	if a.found, err = dossier.Look(ctx, a.root); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{a.jobs, a.readLabels, a.disks, a.strayLabels, a.receipts, a.acceptances, a.commits, a.proofs} {
		if err := step(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	a.rest()
	a.r.Ended = time.Now().UTC()
	a.r.Cut = a.found.Cut
	a.r.Judge()
	return a.r, nil
}

func (a *audit) whoIsTrusted() dossier.Trusted {
	if a.trust == nil {
		return dossier.Trusted{Why: "no key was given (--trust), so that anyone may have made all this"}
	}
	given := a.trust.Fingerprint
	if len(a.trust.Key) > 0 {
		given = fsck.Fingerprint(a.trust.Key)
	}
	return dossier.Trusted{Given: given, Why: "the job signer's key, given to this check by whoever made it. Every other key counts because a job file of this signer names it"}
}

// end is the verdict as an error.
func (a *audit) end() error {
	switch a.r.Verdict {
	case dossier.Failed:
		return errors.Join(a.failed...)
	case dossier.Nothing:
		return fmt.Errorf("%s: %w", a.dir, ErrNothing)
	case dossier.Passed:
		return nil
	}
	if a.trust == nil {
		return verdict.ErrUnproven
	}
	return fmt.Errorf("%w: %s", ErrInPart, a.r.Headline())
}

// path is where a name of the folder lies.
func (a *audit) path(name string) string { return filepath.Join(a.dir, filepath.FromSlash(name)) }

func (a *audit) paths(names []string) (out []string) {
	for _, name := range names {
		out = append(out, a.path(name))
	}
	return out
}

// add notes a check by its error: an origin that is not proven, and what is not here, could
// not be checked; everything else failed.
func (a *audit) add(c dossier.Check, detail any, err error, pass string) {
	c.Detail, c.Result, c.Why = detail, dossier.Pass, pass
	if c.Inputs == nil {
		c.Inputs = []dossier.Input{}
	}
	if err != nil {
		c.Result, c.Why = dossier.Fail, err.Error()
		if a.trust == nil && errors.Is(err, verdict.ErrUnproven) {
			c.Why = "it fits together, and who made it is not proven: no trusted key was given"
		}
		switch {
		case errors.Is(err, errNotHere), errors.Is(err, verdict.ErrUnproven), errors.Is(err, ErrTooFewDisks):
			c.Result = dossier.NotPossible
		default:
			a.failed = append(a.failed, fmt.Errorf("%s: %w", c.Subject, err))
		}
	}
	a.r.Checks = append(a.r.Checks, c)
}

// read reads a file of the folder that was sorted before, and is still the same.
func (a *audit) read(in dossier.Input) ([]byte, error) {
	text, err := dossier.Read(a.root, in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", verdict.ErrRefused, err)
	}
	return text, nil
}

// errNotHere: what a check needs does not lie in the folder.
var errNotHere = errors.New("cannot be checked with what is here")
