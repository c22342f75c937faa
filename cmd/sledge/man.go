package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyless/program"
)

// verifierPage is the page of the program sledge-verify, which has the verbs of "sledge verify":
// they share it.
const verifierPage = "sledge-verify"

type manReport struct {
	Pages int `json:"pages"`
}

func (r *manReport) Print(w io.Writer) { fmt.Fprintf(w, "%s\n", plural(r.Pages, "page")) }

// manCommand writes the manual pages from the verbs themselves. It is for packages, so the help
// does not list it.
func (a *app) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "man DIR", Short: "write the manual pages into a folder", Hidden: true,
		Example: `  sledge man man1 --date 2026-12-01`,
	}
	date := cmd.Flags().String("date", "", "the date that the pages show")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		r := &manReport{}
		for _, c := range manPages(cmd.Root()) {
			var text bytes.Buffer
			var err error
			if manName(c) == verifierPage {
				err = program.Program{Version: version}.Man(&text, *date)
			} else {
				err = manPage(c).Write(&text, *date, version)
			}
			if err != nil {
				return nil, err
			}
			if err := files.WriteNew(filepath.Join(args[0], manName(c)+".1"), text.Bytes(), false); err != nil {
				return nil, err
			}
			r.Pages++
		}
		return r, nil
	})
}

// manPages are the commands that have a page: all but those that the help does not list.
func manPages(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			all = append(all, manPages(sub)...)
		}
	}
	return all
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func manPage(c *cobra.Command) cmdline.Page {
	p := cmdline.Page{Name: manName(c), Short: c.Short, Usage: c.UseLine(), Long: c.Long, Example: c.Example}
	if p.Long == "" {
		p.Long = strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
	}
	show := func(f *pflag.Flag) {
		if !f.Hidden {
			value, usage := pflag.UnquoteUsage(f)
			p.Flags = append(p.Flags, cmdline.ManFlag{Name: f.Name, Short: f.Shorthand, Value: value, Usage: usage})
		}
	}
	c.NonInheritedFlags().VisitAll(show)
	c.InheritedFlags().VisitAll(show)
	if c.HasParent() {
		p.Others = append(p.Others, manName(c.Parent()))
	} else {
		for _, e := range exitClasses {
			p.Exits = append(p.Exits, [2]string{strconv.Itoa(e.code), e.name + ": " + e.meaning})
		}
	}
	for _, sub := range manPages(c)[1:] {
		if sub.Parent() == c {
			p.Verbs = append(p.Verbs, [2]string{sub.Name(), sub.Short})
			p.Others = append(p.Others, manName(sub))
		}
	}
	return p
}
