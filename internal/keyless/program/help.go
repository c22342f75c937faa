package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/keyless"
)

func usage(err error) error { return &advice.UsageError{Err: err} }

// noVerb tells of the verbs, or that the one that was asked for is none.
func (a *app) noVerb(line []string, all []named) int {
	words := slices.DeleteFunc(slices.Clone(line), func(word string) bool { return strings.HasPrefix(word, "-") })
	if len(words) > 0 {
		a.json = slices.Contains(line, "--json")
		return a.end(name, nil, advice.Usagef("unknown verb %q", words[0]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s checks what sledge has loaded, sealed and imported, without any secret and any network.\n\nUsage:\n  %[1]s VERB [flags]\n\nVerbs:\n", name)
	for _, v := range all {
		fmt.Fprintf(&b, "  %-11s %s\n", v.verb(), v.Short)
	}
	fmt.Fprintf(&b, "  %-11s %s\n\n\"%s VERB --help\" tells more; exit codes are those of sledge.\n", "version", "show the version", name)
	code := a.tell(b.String())
	if len(line) > 0 && line[0] != "-h" && line[0] != "--help" {
		return keyless.Usage
	}
	return code
}

// help tells how a verb is called before it says what the verb does.
func help(v named, flags *cmdline.Set) string {
	var b strings.Builder
	_, args, _ := strings.Cut(v.Use, " ")
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n  %[1]s %s\n\nExamples:\n%s\n", v.path(), v.Short, strings.TrimSpace(args+" [flags]"), v.Example)
	if v.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", v.Long)
	}
	b.WriteString("\nFlags:\n")
	for _, f := range flags.All() {
		short := "    "
		if f.Short != "" {
			short = "-" + f.Short + ", "
		}
		word := f.Name
		if !f.Bool {
			word += " VALUE"
		}
		fmt.Fprintf(&b, "  %s--%-16s %s\n", short, word, f.Usage)
	}
	return b.String()
}
