package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/internal/cmdline"
)

// nothingEmpty refuses flags and arguments that are given and empty: a shell variable
// without a value must not switch off the check that it was meant for.
func nothingEmpty(cmd *cobra.Command, args []string) error {
	err := cmdline.EmptyArg(args)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && emptyValue(f.Value) {
			err = cmdline.EmptyFlag(f.Name)
		}
	})
	return err
}

// emptyValue tells whether a flag that was set says nothing, or nothing somewhere in
// its list.
func emptyValue(v pflag.Value) bool {
	if list, ok := v.(pflag.SliceValue); ok {
		return len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
	}
	return v.String() == ""
}
