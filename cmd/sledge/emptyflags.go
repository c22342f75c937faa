package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nothingEmpty refuses flags and arguments that are given and empty: a shell variable
// without a value must not switch off the check that it was meant for.
func nothingEmpty(cmd *cobra.Command, args []string) (err error) {
	if i := slices.Index(args, ""); i >= 0 {
		return hintEmpty(usagef("argument %d is empty", i+1))
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && emptyValue(f.Value) {
			err = hintEmpty(usagef("--%s is given, and its value is empty", f.Name))
		}
	})
	return err
}

func hintEmpty(err error) error {
	return hint(err, "give it a value, or leave it out; in a script: is the variable set?")
}

// emptyValue tells whether a flag that was set says nothing, or nothing somewhere in
// its list.
func emptyValue(v pflag.Value) bool {
	if list, ok := v.(pflag.SliceValue); ok {
		return len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
	}
	return v.String() == ""
}
