package main

import (
	"os"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/files"
)

// addProfiles defines the flag of a user's own kinds of target.
func addProfiles(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "profiles", os.Getenv("SLEDGE_PROFILES"), "JSON file that changes or adds kinds of targets (env SLEDGE_PROFILES)")
}

// readProfiles lays a user's file over the built-in table; "" is that table alone.
func readProfiles(file string) ([]target.Profile, error) {
	if file == "" {
		return target.Profiles(), nil
	}
	text, err := files.Read(file, 1<<20)
	if err != nil {
		return nil, err
	}
	table, err := target.ReadProfiles(text)
	if err != nil {
		return nil, hint(usagef("%s: %w", file, err), "docs/import.md, \"Kinds of targets\", names the fields")
	}
	return table, nil
}
