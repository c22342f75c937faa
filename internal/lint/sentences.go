package lint

import (
	"fmt"
	"regexp"
	"strings"
)

// maxWords bounds a sentence of the documents, maxPlain one of the pages that people read
// while they work. Most have fewer than 20 words.
const (
	maxWords = 40
	maxPlain = 35
	slack    = 3
)

var plainPages = map[string]bool{
	"README.md": true, "docs/field.md": true, "docs/import.md": true, "docs/audit.md": true, "docs/exit-codes.md": true,
}

// longSentences is how many longer sentences a page may still have. The list only gets
// shorter: a page that has far fewer than allowed fails, too. Slack is for branches that
// are merged.
var longSentences = map[string]int{
	"docs/decisions.md":  3,
	"docs/format.md":     6,
	"docs/exit-codes.md": 2,
}

// Sentences names the sentences of README.md and docs that are too long, on pages that
// have more of them than allowed, and each allowance that is too high.
func Sentences(root string) ([]string, error) {
	all, err := pages(root)
	var findings []string
	for _, p := range all {
		if p.name != "README.md" && !strings.HasPrefix(p.name, "docs/") {
			continue
		}
		most := maxWords
		if plainPages[p.name] {
			most = maxPlain
		}
		long := p.longSentences(most)
		switch allowed := longSentences[p.name]; {
		case len(long) > allowed:
			findings = append(findings, fmt.Sprintf("%s: %d sentences of more than %d words, allowed are %d", p.name, len(long), most, allowed))
			findings = append(findings, long...)
		case len(long)+slack < allowed:
			findings = append(findings, fmt.Sprintf("%s: %d sentences of more than %d words; lower the allowance from %d", p.name, len(long), most, allowed))
		}
	}
	return findings, err
}

var (
	comment     = regexp.MustCompile(`<!--.*?-->`)
	sentenceEnd = regexp.MustCompile("[.!?][)*\"'”]*(?:\\s+[(*\"'“]*[\\p{Lu}\\d`…]|$)")
	word        = regexp.MustCompile(`[\p{L}\p{N}]`)
)

// longSentences returns those of more than most words, with their places. A paragraph,
// an item of a list and a cell of a table end a sentence.
func (p page) longSentences(most int) (findings []string) {
	for _, b := range p.blocks() {
		if b.code {
			continue
		}
		for _, s := range sentences(b.text) {
			if n := words(s); n > most {
				findings = append(findings, fmt.Sprintf("%s:%d: %d words: %s", p.name, b.line, n, shorten(s)))
			}
		}
	}
	return findings
}

// sentences cuts a paragraph. A code span is one word in it, a link its text.
func sentences(text string) (all []string) {
	text = comment.ReplaceAllString(text, "")
	text = codeSpan.ReplaceAllStringFunc(text, func(span string) string {
		return "`" + strings.NewReplacer(" ", "_", ".", "_", "!", "_", "?", "_").Replace(span[1:len(span)-1]) + "`"
	})
	text = link.ReplaceAllString(text, "$1")
	for {
		end := sentenceEnd.FindStringIndex(text)
		if end == nil {
			return append(all, text)
		}
		cut := end[0] + 1
		all, text = append(all, text[:cut]), text[cut:]
	}
}

func words(sentence string) (n int) {
	for w := range strings.FieldsSeq(sentence) {
		if word.MatchString(w) {
			n++
		}
	}
	return n
}

func shorten(s string) string {
	if r := []rune(strings.TrimSpace(s)); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return strings.TrimSpace(s)
}
