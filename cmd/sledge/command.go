package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// takes says which of the flags that name disks and device a verb goes by.
type takes struct{ disks, device bool }

var verbTakes = map[string]takes{
	"unlock": {true, true}, "load": {true, true}, "status": {true, true}, "scrub": {true, true}, "rebuild": {true, true}, "seal": {true, true},
	"lock": {false, true}, "device show": {false, true},
	"list": {true, false}, "cat": {true, false}, "extract": {true, false}, "receive": {true, false},
}

// named finds a command in a text: the verb, then flags, words for values (FILE,
// job.dsse), paths and quoted values. "the same sledge load" is no command but one
// that the operator has before him.
var named = regexp.MustCompile(`(same )?\bsledge (device show|[a-z]+)\b((?: --?[a-z][a-z-]*| [A-Za-z]+\.[a-z]+\b| [A-Z][A-Z0-9/-]*\b| /\S+| '[^']*'(?:\\''[^']*')*)*)`)

// commands makes the commands in a text those that this operator can run: with the
// disks and the device that he has named, by flag or by environment.
func (a *app) commands(text string) string {
	return named.ReplaceAllStringFunc(text, func(found string) string {
		part := named.FindStringSubmatch(found)
		t, ok := verbTakes[part[2]]
		if part[1] != "" || !ok || strings.Contains(part[3], "--help") {
			return found
		}
		if part[2] == "rebuild" && !strings.Contains(part[3], "--disk") {
			found += a.goodDisks()
		} else if t.disks && !strings.Contains(part[3], "--disk") {
			found += a.givenDisks()
		}
		if t.device && a.device != "" && !strings.Contains(part[3], "--device") {
			found += " --device " + shellQuote(a.device)
		}
		return found
	})
}

// givenDisks is the --disk flag as it was given, or as SLEDGE_DISKS says it, but for disks
// that the operator is told to take out.
func (a *app) givenDisks() string {
	patterns := a.diskPatterns()
	if names, err := a.diskNames(); err == nil && len(a.unfit) > 0 {
		patterns = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(a.unfit, name) })
	}
	if len(patterns) == 0 {
		return ""
	}
	return " --disk " + quoteList(patterns)
}

// quoteList writes names as the value of a flag that is a list.
func quoteList(names []string) string {
	list := make([]string, len(names))
	for i, p := range names {
		if list[i] = p; strings.ContainsAny(p, `,"`) { // the flag's list is CSV
			list[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
	}
	return shellQuote(strings.Join(list, ","))
}

// goodDisks are the disks for a rebuild: of those that were given, all but the bad ones.
// Where it is not known which those are, or whether they are the only ones, the operator
// has to say it.
func (a *app) goodDisks() string {
	names, err := a.diskNames()
	good := slices.DeleteFunc(names, func(name string) bool { return slices.Contains(a.bad, name) })
	if err != nil || len(a.bad) == 0 || len(good) == 0 {
		return " --disk GOOD,… --bay N"
	}
	text := " --disk " + quoteList(good)
	if len(a.bad) > 1 {
		text += " --bay N"
	}
	return text
}

// diskPatterns are the disks as the operator has named them, by --disk or SLEDGE_DISKS.
func (a *app) diskPatterns() []string {
	if len(a.disks) > 0 {
		return a.disks
	}
	var patterns []string
	for p := range strings.SplitSeq(os.Getenv("SLEDGE_DISKS"), ",") {
		if p = strings.TrimSpace(p); p != "" {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote writes a word so that a shell reads it back as it is.
func shellQuote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
