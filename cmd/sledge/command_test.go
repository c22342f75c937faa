package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/firmware"
)

// TestCommandsAsGiven: a command in a hint names the disks and the device as the
// operator has named them.
func TestCommandsAsGiven(t *testing.T) {
	t.Setenv("SLEDGE_DISKS", "")
	a := &app{device: "/var/lib/my sledge", disks: []string{"/mnt/bay*", "/mnt/x"}}
	both := " --disk '/mnt/bay*,/mnt/x' --device '/var/lib/my sledge'"
	for text, want := range map[string]string{
		"unlock the device: sledge unlock":                    "unlock the device: sledge unlock" + both,
		"sledge load DIR, or sledge seal":                     "sledge load DIR" + both + ", or sledge seal" + both,
		"sledge status --wrap-check FILE, send FILE":          "sledge status --wrap-check FILE" + both + ", send FILE",
		"sledge seal --wrap-answer XXXXX-XXXXX":               "sledge seal --wrap-answer XXXXX-XXXXX" + both,
		"lock it: sledge lock":                                "lock it: sledge lock --device '/var/lib/my sledge'",
		"give it: sledge unlock --job job.dsse":               "give it: sledge unlock --job job.dsse" + both,
		"sledge unlock --job NEW.dsse":                        "sledge unlock --job NEW.dsse" + both,
		"see sledge load --help":                              "see sledge load --help",
		"run the same sledge load again":                      "run the same sledge load again",
		"answer of \"sledge site check-wrap\"":                "answer of \"sledge site check-wrap\"",
		"sledge unlock --disk '/a*'":                          "sledge unlock --disk '/a*' --device '/var/lib/my sledge'",
		"(sledge device show)":                                "(sledge device show --device '/var/lib/my sledge')",
		"sledge device init with another --device DIR":        "sledge device init with another --device DIR",
		"see what is there: sledge list":                      "see what is there: sledge list --disk '/mnt/bay*,/mnt/x'",
		"see sledge import status /srv/x, not sledged things": "see sledge import status /srv/x, not sledged things",
	} {
		if got := a.commands(text); got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
	if got := (&app{}).commands("sledge unlock"); got != "sledge unlock" {
		t.Errorf("with nothing given: %q", got)
	}
	t.Setenv("SLEDGE_DISKS", " /mnt/b?, /mnt/c ")
	if got := (&app{}).commands("sledge unlock"); got != "sledge unlock --disk '/mnt/b?,/mnt/c'" {
		t.Errorf("from the environment: %q", got)
	}
}

// TestRebuildWithGoodDisks: a rebuild in a hint does not name the disk that must be left
// out: it names the others where they are known.
func TestRebuildWithGoodDisks(t *testing.T) {
	a := &app{device: "dev", disks: []string{"a", "b", "c"}}
	for _, c := range []struct {
		bad  []string
		want string
	}{
		{nil, "sledge rebuild --replace NEW --disk GOOD,… --bay N --device dev"},
		{[]string{"b"}, "sledge rebuild --replace NEW --disk a,c --device dev"},
		{[]string{"b", "a"}, "sledge rebuild --replace NEW --disk c --bay N --device dev"},
		{[]string{"a", "b", "c"}, "sledge rebuild --replace NEW --disk GOOD,… --bay N --device dev"},
	} {
		a.bad = c.bad
		if got := a.commands("sledge rebuild --replace NEW"); got != c.want {
			t.Errorf("bad %v: %s", c.bad, got)
		}
	}
}

// TestHintsAsGiven: what the operator sees of an error has the flags.
func TestHintsAsGiven(t *testing.T) {
	for _, err := range []error{firmware.ErrNoSecret, firmware.ErrForbidden, seal.ErrNeedsAnswer, hint(errDegraded, "sledge scrub")} {
		var out strings.Builder
		a := &app{err: &out, device: "dev", disks: []string{"bay*"}}
		a.end("sledge load", nil, fmt.Errorf("x: %w", err))
		if !strings.Contains(out.String(), "--disk 'bay*' --device dev") {
			t.Errorf("%v: %s", err, out.String())
		}
	}
}

// TestCommandsWhole: every command in a hint is known whole: what is named after it is a
// part of it, so that the disks and the device come behind that.
func TestCommandsWhole(t *testing.T) {
	src, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{device: "/dev", disks: []string{"/bay"}}
	cut := regexp.MustCompile(`--(?:disk /bay|device /dev)[^ ,;:()"]`)
	found := 0
	for _, e := range src {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !strings.Contains(lit.Value, "sledge ") {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, "\n") {
				return true // a help, which nobody fills in
			}
			found++
			if got := a.commands(text); cut.MatchString(got) {
				t.Errorf("%s: a command is cut: %s", e.Name(), got)
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("only %d texts with a command", found)
	}
}

func TestShellQuote(t *testing.T) {
	for _, s := range []string{"", "a", "/mnt/bay*", "it's", "$(rm)", "`x`", "a b", "\\", "--x", "a\nb"} {
		got, err := exec.Command("sh", "-c", "printf %s "+shellQuote(s)).Output()
		if err != nil || string(got) != s {
			t.Errorf("%q becomes %q, %v", s, got, err)
		}
	}
}
