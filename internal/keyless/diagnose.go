package keyless

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Exit codes of the verifier's verbs, as docs/exit-codes.md has them. A test of cmd/sledge
// holds codes, names and hints against its own table.
const (
	Done        = 0
	Unexpected  = 1
	Usage       = 2
	FewDisks    = 6
	Lost        = 7
	Damage      = 8
	Unproven    = 9
	Refused     = 10
	Source      = 11
	Objects     = 13
	NotFound    = 19
	Version     = 20
	InPart      = 29
	Interrupted = 130
)

var classes = map[int]string{
	Done: "done", Unexpected: "unexpected", Usage: "usage", FewDisks: "disks", Lost: "lost", Damage: "damage", Unproven: "unproven",
	Refused: "refused", Source: "source", Objects: "objects", NotFound: "not-found", Version: "version", InPart: "in-part", Interrupted: "interrupted",
}

// Class names an exit code, for JSON.
func Class(code int) string { return classes[code] }

// Codes are all exit codes, in order.
func Codes() []int { return slices.Sorted(maps.Keys(classes)) }

// ErrOutput: what a verb had to tell is not where standard output goes.
var ErrOutput = errors.New("standard output")

// Diagnosis is a kind of error, the exit code that it ends with, and what helps.
type Diagnosis struct {
	Is    []error
	Code  int
	Hints []string
}

// Diagnoses are the kinds of error that the verifier's verbs end with; the first that fits
// counts.
func Diagnoses() []Diagnosis {
	return []Diagnosis{
		{[]error{ErrOutput}, Unexpected, []string{"the command did its work, but what it tells did not arrive whole: look at where its output goes"}},
		{[]error{verdict.ErrLost}, Lost, []string{"bring every disk of the device, also damaged ones: any k good blocks of a stripe are enough",
			"before the seal: keep the source and load it again, that takes what is lost; then seal"}},
		{[]error{context.Canceled}, Interrupted, []string{"run the same command again: it goes on where it stopped"}},
		{[]error{errUsage}, Usage, []string{cmdline.HelpHint}},
		{[]error{ErrNoDisks}, Usage, []string{"name the disks with --disk '/mnt/bay*', one --disk each, or SLEDGE_DISKS"}},
		{[]error{ErrSkipped}, Source, []string{"look at the entries named above; mend them and run the same load again, it takes what is new",
			"or seal: they stay named in the manifest and in every report"}},
		{[]error{ErrTooFewDisks}, FewDisks, []string{"bring the missing disks, in any order and at any mount point"}},
		{[]error{fsck.ErrVersion}, Version, []string{"use the newest sledge"}},
		{[]error{verdict.ErrRefused}, Refused, []string{"do not import; ask whoever sent the device"}},
		{[]error{verdict.ErrDamage}, Damage, []string{"nothing is lost: import as it is, or make the shards again on an empty disk: sledge rebuild --replace NEW --disk GOOD,… --bay N"}},
		{[]error{verdict.ErrObjects}, Objects, []string{"look at the objects named above; the same command tries them again"}},
		{[]error{ErrOtherTarget}, Objects, nil},
		{[]error{ErrSameDisk}, FewDisks, []string{"name every disk once"}},
		{[]error{verdict.ErrUnproven}, Unproven, []string{"give the job signer's public key, which you have by another channel: --trust signer.pub"}},
		{[]error{ErrInPart}, InPart, []string{"bring what is missing, and run the same command again; the report says of each check what it needs"}},
		{[]error{ErrNothing}, NotFound, []string{"name the folder with the disks, labels, receipts and statements that you were given"}},
		{[]error{fs.ErrNotExist}, NotFound, []string{"check the name"}},
	}
}

// errUsage stands for every mistake on the command line.
var errUsage = errors.New("usage")

func (d Diagnosis) fits(err error) bool {
	return slices.ContainsFunc(d.Is, func(target error) bool {
		if usage := (*advice.UsageError)(nil); target == errUsage {
			return errors.As(err, &usage)
		}
		return errors.Is(err, target)
	})
}

// Diagnose turns an error into an exit code and hints. A hint of whoever made the error is
// better than the table's, but for a format that is newer than this program.
func Diagnose(err error) (code int, hints []string) {
	if err == nil {
		return Done, nil
	}
	code = Unexpected
	for _, d := range Diagnoses() {
		if d.fits(err) {
			code, hints = d.Code, slices.Clone(d.Hints)
			break
		}
	}
	if maker := (*advice.Hinted)(nil); errors.As(err, &maker) && (code != Version || !errors.Is(err, fsck.ErrVersion)) {
		hints = maker.Hints
	}
	return code, hints
}

// InWords is an error as its reader knows things: who stops a command has not canceled a
// context.
func InWords(err error) string {
	if !errors.Is(err, context.Canceled) {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped, as was asked")
}
