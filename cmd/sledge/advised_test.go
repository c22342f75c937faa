package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target/s3"
)

var (
	advisedCall = regexp.MustCompile(`\bsledge( [a-z][a-z-]*)((?: (?:--?[a-z0-9][a-z0-9-]*|[a-z][a-z-]*|[A-Z%…/'][^ ]*))*)`)
	advisedFlag = regexp.MustCompile(`(?:^|[^\w-])(--[a-z][a-z0-9-]*)`)
	advisedPage = regexp.MustCompile(`docs/[a-z-]+\.md(?:, "([^"]+)")?`)

	// notAdvice are words that only look like a flag or a call: ends of bucket names, and the
	// title of a file of keys.
	notAdvice = []string{"--x-s3", "--xa-s3", "sledge site key"}

	// othersTools have flags of their own; a text that names one of these calls is not ours to check.
	othersTools = regexp.MustCompile("`(?:prlimit|aws) [^`]*`")
)

// TestAdvisedExists: every command, flag and page that a text of the program names is there:
// hints, remedies, errors and help alike.
func TestAdvisedExists(t *testing.T) {
	root := (&app{}).root()
	flags := flagNames(root)
	found := 0
	for place, text := range programTexts(t, "../..", "cmd/sledge", "importer", "appliance", "firmware", "crypto", "manifest", "internal/site", "internal/fsck", "internal/importreport", "internal/durable", "internal/vfs") {
		text = othersTools.ReplaceAllString(text, "")
		for _, words := range notAdvice {
			text = strings.ReplaceAll(text, words, "")
		}
		for _, call := range advisedCall.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(call[1] + call[2])
			if _, _, err := root.Find(words[:1]); err != nil || !isVerb(root, words[0]) {
				continue // "sledge that …", or a context of signatures: no call
			}
			found++
			if err := checkAdvised(root, words); err != nil {
				t.Errorf("%s: %q: %v", place, call[0], err)
			}
		}
		for _, flag := range advisedFlag.FindAllStringSubmatch(text, -1) {
			if !flags[flag[1]] && flag[1] != "--help" {
				t.Errorf("%s: no verb has a flag %s: %q", place, flag[1], text)
			}
		}
		for _, page := range advisedPage.FindAllStringSubmatch(text, -1) {
			checkPage(t, place, page)
		}
	}
	if found < 100 {
		t.Errorf("only %d commands were found in texts", found)
	}
}

// checkAdvised holds the verb and the flags of a call in a text to what there is. Words
// after them may be the text going on.
func checkAdvised(root *cobra.Command, words []string) error {
	end := slices.IndexFunc(words, func(w string) bool { return !strings.HasPrefix(w, "-") && !isWord(w) })
	if end < 0 {
		end = len(words)
	}
	cmd, rest, err := root.Find(words[:max(end, 1)])
	if err != nil {
		return err
	}
	if cmd.HasSubCommands() && len(rest) > 0 && isWord(rest[0]) {
		return checkCommand(root, words, false)
	}
	_, err = flagsKnown(cmd, slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, "--") || w == "--help" }))
	return err
}

func isWord(w string) bool { return w != "" && w[0] >= 'a' && w[0] <= 'z' }

func isVerb(root *cobra.Command, name string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

func flagNames(root *cobra.Command) map[string]bool {
	all := map[string]bool{}
	eachVerb(root, func(cmd *cobra.Command) {
		for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
			set.VisitAll(func(f *pflag.Flag) { all["--"+f.Name] = true })
		}
	})
	return all
}

// programTexts are the string literals of packages, by their places, joined where they are
// added to one another.
func programTexts(t *testing.T, root string, folders ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	set := token.NewFileSet()
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				text, ok := literal(n)
				if ok {
					texts[set.Position(n.Pos()).String()] = text
				}
				return !ok
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// literal is the text of a string, or of strings that are added.
func literal(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		return text, err == nil && n.Kind == token.STRING
	case *ast.BinaryExpr:
		first, okFirst := literal(n.X)
		second, okSecond := literal(n.Y)
		return first + second, okFirst && okSecond && n.Op == token.ADD
	}
	return "", false
}

// checkPage holds a page and its section to the documents.
func checkPage(t *testing.T, place string, page []string) {
	t.Helper()
	name, _, _ := strings.Cut(page[0], ",")
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Errorf("%s: %v", place, err)
		return
	}
	heading := regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(page[1]) + `(?:$|:)`)
	if page[1] != "" && !heading.Match(text) {
		t.Errorf("%s: %s has no section %q", place, name, page[1])
	}
}

// TestAdvisedRefuses: what the test above is there for.
func TestAdvisedRefuses(t *testing.T) {
	root := (&app{}).root()
	for text, right := range map[string]bool{
		"seal": true, "seal --absent BAY": true, "load DIR --as NAME": true, "import run … --run-id NEW": true, "status shows what waits": true,
		"seal --abzent BAY": false, "import steer": false, "job extent": false, "load --recovery FILE": false,
	} {
		if err := checkAdvised(root, strings.Fields(text)); (err == nil) != right {
			t.Errorf("sledge %s: %v", text, err)
		}
	}
}

// TestWrongNumbersNameTheirFlag: a number that is out of bounds is refused by its flag.
func TestWrongNumbersNameTheirFlag(t *testing.T) {
	if _, err := sizeOf("--memory", "lots"); err == nil || !strings.HasPrefix(err.Error(), `--memory: "lots"`) {
		t.Error(err)
	}
	right := importer.Options{Config: s3.Config{Bucket: "bucket"}, Prefix: "p/", RunID: "run-1"}
	for flag, spoil := range map[string]func(o *importer.Options){
		"--concurrency":  func(o *importer.Options) { o.Concurrency = 5000 },
		"--memory":       func(o *importer.Options) { o.Memory = 1 },
		"--retries":      func(o *importer.Options) { o.Retries = 1000 },
		"--idle-timeout": func(o *importer.Options) { o.IdleTimeout = 1 },
		"--run-id":       func(o *importer.Options) { o.RunID = "A B" },
	} {
		o := right
		if spoil(&o); o.Validate() == nil || !strings.Contains(o.Validate().Error(), flag) {
			t.Errorf("%s: %v", flag, o.Validate())
		}
	}
}
