// Command sledge loads a site's files onto an appliance's disks, encrypted and
// erasure-coded under a signed manifest, and imports such disks into S3 with
// every byte proven.
//
// One file a verb; roles.go says who uses which. What an error means for the operator,
// and the exit code, is in ui.go alone; docs/exit-codes.md lists both.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/progress"
)

// version is set by the build.
var version = "devel"

func main() {
	limitMemory(0)
	cobra.EnableCommandSorting = false // the help has the order of the work
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// app is one call of the command: its streams, its global flags, how it ended.
type app struct {
	in       *os.File
	out, err io.Writer
	outTTY   bool
	errTTY   bool
	now      func() time.Time
	ctx      context.Context // the call's: it ends with a signal

	errWidth func() int // columns of the terminal that err is; nil: not known

	device string
	disks  []string
	json   bool
	quiet  bool
	looks  bool // this call only looks at the device: it gives way to every other

	bad   []string // disks that have turned out to be bad, by name
	unfit []string // of these, those that the operator is told to leave out

	code int   // exit code, once a verb has ended
	told error // what was told of that
}

// run is the command, but for the process around it.
func run(args []string, in, out, err *os.File) int {
	// The first signal ends the work in order, the second one the process.
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	stdout := &output{w: out}
	a := &app{
		in: in, out: stdout, err: err, now: time.Now, ctx: ctx,
		outTTY: term.IsTerminal(int(out.Fd())), errTTY: term.IsTerminal(int(err.Fd())),
	}
	a.errWidth = func() int {
		columns, _, _ := term.GetSize(int(err.Fd())) // zero where there is no terminal
		return columns
	}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(err)
	if cmd, e := root.ExecuteContextC(ctx); e != nil {
		// A flag that cannot be read ends the reading: --json may come after it.
		a.json = a.json || slices.Contains(args, "--json")
		a.end(cmd.CommandPath(), nil, hintFlag(cmd, cmdline.QuotePattern(args, &usageError{Err: e})))
	}
	a.endOutput(stdout)
	return a.code
}

// endSignals are the signals that ask for an end. One that whoever started the process
// has switched off, as nohup does with SIGHUP, stays so.
func endSignals() []os.Signal {
	ask := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(ask, signal.Ignored)
}

// hintFlag finds the flags that an unknown one may stand for.
func hintFlag(cmd *cobra.Command, err error) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return cmdline.NearFlags(err, names)
}

// meter shows how far a verb is.
func (a *app) meter(verb string) *progress.Meter {
	return progress.New(verb, progress.Out{To: a.err, TTY: a.errTTY, JSON: a.json, Quiet: a.quiet, Now: a.now, Columns: a.errColumns})
}

// errColumns is how wide the terminal is now; zero is not known.
func (a *app) errColumns() int {
	if a.errWidth == nil {
		return 0
	}
	return a.errWidth()
}

// root is the tree of verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "sledge",
		Short:         "bulk offline transfer on your own disks, with every byte proven",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.device, "device", os.Getenv("SLEDGE_DEVICE"), "the device's state folder `DIR` (env SLEDGE_DEVICE)")
	flags.StringSliceVar(&a.disks, "disk", nil, "a disk's mount point `DIR`; repeat it, or give a comma list or a quoted pattern, '/mnt/bay*' (env SLEDGE_DISKS)")
	flags.BoolVar(&a.json, "json", false, "one JSON object on stdout at the end, progress as JSON lines on stderr")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress, and no text but errors")
	root.SetHelpTemplate(helpTemplate)
	root.CompletionOptions.HiddenDefaultCmd = true
	addRoles(root, a.roles())
	return root
}

// group is a command that only holds others.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	g.AddCommand(verbs...)
	return g
}

// verb makes f the work of a command, whose arguments are those of its Use line. What f
// returns is told by [app.end].
func (a *app) verb(cmd *cobra.Command, f func(ctx context.Context, args []string) (report, error)) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := nothingEmpty(cmd, args); err != nil {
			return err
		}
		return takesArgs(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := f(cmd.Context(), args)
		a.end(cmd.CommandPath(), r, err)
		return nil
	}
	return cmd
}
