package main

import (
	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/cmdline"
)

type argsError = cmdline.ArgsError

// takesArgs holds a verb's arguments against its Use line.
func takesArgs(cmd *cobra.Command, args []string) error {
	return cmdline.TakesArgs(cmd.CommandPath(), cmd.Use, args)
}
