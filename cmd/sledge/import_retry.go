package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer/target"
)

// errorClasses are the words of --class.
var errorClasses = map[string]target.Class{"retryable": target.Retryable, "fixable": target.Fixable, "fatal": target.FatalObject}

func (a *app) importRetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "retry only what failed with certain error codes or classes",
		Long: `Takes the flags of "sledge import run", which retries everything that failed. This
command retries only the failures of the named classes or codes, and imports what has
no outcome yet. The other failures stay as they are in the new receipts.`,
		Example: `  sledge import retry --code key-exists-conflict --site /srv/import-keys --label device.label --disk '/mnt/bay*' --state /srv/import/job1
  sledge import retry --class retryable,fixable …`,
	}
	var f importFlags
	var classes, codes []string
	f.add(cmd.Flags())
	f.addRun(cmd.Flags())
	cmd.Flags().StringSliceVar(&classes, "class", nil, "retryable, fixable or fatal")
	cmd.Flags().StringSliceVar(&codes, "code", nil, "codes of docs/exit-codes.md, such as key-exists-conflict")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		var err error
		if f.retry, err = retries(classes, codes); err != nil {
			return nil, err
		}
		return a.importSet(ctx, &f)
	})
}

// retries tells the codes that are tried again.
func retries(classes, codes []string) (func(target.Code) bool, error) {
	if len(classes)+len(codes) == 0 {
		return nil, usagef("name what to try again: --class or --code; sledge import run tries everything")
	}
	wanted := map[target.Code]bool{}
	for _, name := range classes {
		class, ok := errorClasses[name]
		if !ok {
			return nil, usagef("--class %q: must be retryable, fixable or fatal", name)
		}
		for _, c := range target.Codes() {
			wanted[c.Code] = wanted[c.Code] || c.Class == class
		}
	}
	for _, name := range codes {
		if !slices.ContainsFunc(target.Codes(), func(c target.CodeInfo) bool { return string(c.Code) == name }) {
			return nil, usagef("--code %q is not one of %s", name, codeNames())
		}
		wanted[target.Code(name)] = true
	}
	return func(c target.Code) bool { return wanted[c] }, nil
}

func codeNames() string {
	var names []string
	for _, c := range target.Codes() {
		names = append(names, string(c.Code))
	}
	return strings.Join(names, ", ")
}
