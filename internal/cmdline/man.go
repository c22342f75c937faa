package cmdline

import (
	"fmt"
	"io"
	"strings"
)

// Page is the manual page of a program, or of one of its verbs.
type Page struct {
	Name, Short, Usage, Long, Example string

	Flags  []ManFlag
	Verbs  [][2]string // of a page that has some: name and what it does
	Exits  [][2]string // exit codes, on the program's own page
	Others []string    // pages to see
}

// ManFlag is a flag as a page has it.
type ManFlag struct{ Name, Short, Value, Usage string }

// Write writes the page in the language of man(7), for section 1. The date and the version are
// those of the release.
func (p Page) Write(w io.Writer, date, version string) error {
	b := &roff{}
	b.line(`.TH %s 1 "%s" "sledge %s" "sledge manual"`, roffText(strings.ToUpper(p.Name)), strings.Trim(date, `"\`), roffText(version))
	b.section("NAME")
	b.line(`%s \-`, roffText(p.Name))
	b.filled(p.Short)
	b.section("SYNOPSIS")
	b.line(`.B %s`, roffText(p.Usage))
	if p.Long != "" {
		b.section("DESCRIPTION")
		b.paragraphs(p.Long)
	}
	b.pairs("VERBS", p.Verbs)
	b.flags(p.Flags)
	if p.Example != "" {
		b.section("EXAMPLES")
		b.line(".nf")
		for line := range strings.Lines(strings.TrimRight(p.Example, "\n") + "\n") {
			b.text(strings.TrimSuffix(line, "\n"))
		}
		b.line(".fi")
	}
	b.pairs("EXIT STATUS", p.Exits)
	if len(p.Others) > 0 {
		b.section("SEE ALSO")
		for i, other := range p.Others {
			comma := ","
			if i == len(p.Others)-1 {
				comma = ""
			}
			b.line(".BR %s (1)%s", roffText(other), comma)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type roff struct{ strings.Builder }

func (b *roff) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

func (b *roff) section(title string) { b.line(".SH %s", title) }

// text is a line of text: one that begins as a request would is none.
func (b *roff) text(line string) {
	text := roffText(line)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	b.line("%s", text)
}

// filled is a text that the formatter fills anew, in short lines.
func (b *roff) filled(text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(roffText(line))+len(roffText(word)) > 72 {
			b.text(line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		b.text(line)
	}
}

// paragraphs are parted by empty lines, as in a verb's help; lists stay in lines of their own.
func (b *roff) paragraphs(text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			b.line(".PP")
		}
		if !strings.HasPrefix(paragraph, " ") && !strings.Contains(paragraph, "\n  ") {
			b.filled(paragraph)
			continue
		}
		b.line(".nf")
		for line := range strings.Lines(paragraph + "\n") {
			b.text(strings.TrimRight(line, " \n"))
		}
		b.line(".fi")
	}
}

func (b *roff) pairs(title string, pairs [][2]string) {
	if len(pairs) == 0 {
		return
	}
	b.section(title)
	for _, pair := range pairs {
		b.line(".TP")
		b.line(`.B %s`, roffText(pair[0]))
		b.filled(pair[1])
	}
}

func (b *roff) flags(flags []ManFlag) {
	if len(flags) == 0 {
		return
	}
	b.section("OPTIONS")
	for _, f := range flags {
		b.line(".TP")
		text := `\fB` + roffText("--"+f.Name) + `\fR`
		if f.Short != "" {
			text = `\fB` + roffText("-"+f.Short) + `\fR, ` + text
		}
		if f.Value != "" {
			text += ` \fI` + roffText(f.Value) + `\fR`
		}
		b.line("%s", text)
		b.filled(f.Usage)
	}
}

// roffText is a text without anything that the formatter would obey or change.
func roffText(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
