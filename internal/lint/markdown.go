package lint

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// A page is one Markdown file. Its lines are kept by number; those of fenced code
// blocks, with their fences, are marked.
type page struct {
	name  string
	lines []string
	code  []bool
}

// pages reads the Markdown files below root.
func pages(root string) (all []page, err error) {
	err = walk(root, func(name string, data []byte) error {
		if strings.HasSuffix(name, ".md") && !hasElement(name, "testdata") {
			all = append(all, newPage(name, string(data)))
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: no Markdown files", root)
	}
	return all, err
}

func newPage(name, text string) page {
	p := page{name: name, lines: strings.Split(text, "\n")}
	fence := ""
	for _, line := range p.lines {
		line = strings.TrimSpace(line)
		inside := fence != ""
		switch {
		case inside && line == fence:
			fence = ""
		case !inside && strings.HasPrefix(line, "```"):
			fence, inside = "```", true
		}
		p.code = append(p.code, inside)
	}
	return p
}

// A block is a paragraph, an item of a list, a cell of a table, a heading, or one
// command line of a code block.
type block struct {
	line int    // its first, counted from 1
	code bool   // of a code block
	kind string // what stands behind the block's fence
	text string
}

var listItem = regexp.MustCompile(`^(?:[-*]|\d+\.) `)

// blocks cuts a page. Lines of a block are joined by a space; in code only those that
// a backslash continues.
func (p page) blocks() (all []block) {
	var last block
	kind := ""
	end := func() {
		if last.text != "" {
			all = append(all, last)
		}
		last = block{}
	}
	begin := func(i int, text string) { last = block{line: i + 1, text: text} }
	for i := 0; i < len(p.lines); i++ {
		line := strings.TrimSpace(p.lines[i])
		switch {
		case p.code[i] && strings.HasPrefix(line, "```"):
			end()
			kind = strings.TrimPrefix(line, "```")
		case p.code[i]:
			last = block{i + 1, true, kind, line}
			for strings.HasSuffix(last.text, `\`) && i+1 < len(p.lines) && p.code[i+1] {
				i++
				last.text = strings.TrimSuffix(last.text, `\`) + strings.TrimSpace(p.lines[i])
			}
			end()
		case line == "":
			end()
		case strings.HasPrefix(line, "|"):
			end()
			for _, cell := range cells(line) {
				begin(i, cell)
				end()
			}
		case strings.HasPrefix(line, "#"):
			end()
			begin(i, strings.TrimLeft(line, "# "))
			end()
		case listItem.MatchString(line), last.text == "":
			end()
			begin(i, listItem.ReplaceAllString(line, ""))
		default:
			last.text += " " + line
		}
	}
	end()
	return all
}

// CodeLine is a line of a code block of a page, or a code span of its text.
type CodeLine struct {
	Page string
	Line int
	Kind string // what stands behind the block's fence; "span" for a code span
	Text string
}

// CodeLines returns what the pages below root show as code. Lines that a backslash
// continues are one.
func CodeLines(root string) (all []CodeLine, err error) {
	pages, err := pages(root)
	for _, p := range pages {
		for _, b := range p.blocks() {
			if b.code {
				all = append(all, CodeLine{p.name, b.line, b.kind, b.text})
				continue
			}
			for _, span := range codeSpan.FindAllStringSubmatch(b.text, -1) {
				all = append(all, CodeLine{p.name, b.line, "span", span[1]})
			}
		}
	}
	return all, err
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	link     = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`^#{1,6} +(.*?)\s*$`)
	notSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Links names the relative links of the pages below root whose file, or whose heading
// in it, does not exist.
func Links(root string) ([]string, error) {
	all, err := pages(root)
	if err != nil {
		return nil, err
	}
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.name] = p.anchors()
	}
	var findings []string
	for _, p := range all {
		for _, b := range p.blocks() {
			if b.code {
				continue
			}
			for _, found := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(b.text, ""), -1) {
				if why := brokenLink(root, p.name, found[2], anchors); why != "" {
					findings = append(findings, fmt.Sprintf("%s:%d: link to %s: %s", p.name, b.line, found[2], why))
				}
			}
		}
	}
	return findings, nil
}

func brokenLink(root, from, target string, anchors map[string]map[string]bool) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	name := path.Join(path.Dir(from), file)
	if file == "" {
		name = from
	}
	if _, err := os.Stat(filepath.Join(root, name)); err != nil {
		return "there is no " + name
	}
	if anchor != "" && !anchors[name][anchor] {
		return "there is no such heading"
	}
	return ""
}

// anchors are the page's headings in the form that a link names them by.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	for i, line := range p.lines {
		found := heading.FindStringSubmatch(line)
		if p.code[i] || found == nil {
			continue
		}
		slug := strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-")
		for n, name := 1, slug; ; n++ {
			if !all[name] {
				all[name] = true
				break
			}
			name = fmt.Sprintf("%s-%d", slug, n)
		}
	}
	return all
}

// named matches a page of docs where a comment, a hint or a test names it.
var named = regexp.MustCompile(`\bdocs/[a-z-]+\.md\b`)

// Named names each page of docs that a text file below root names and that is not there.
func Named(root string) (findings []string, err error) {
	err = walk(root, func(name string, data []byte) error {
		if strings.HasPrefix(name, "internal/lint/") { // its tests make pages up
			return nil
		}
		for i, line := range strings.Split(string(data), "\n") {
			for _, page := range named.FindAllString(line, -1) {
				if _, err := os.Stat(filepath.Join(root, page)); err != nil {
					findings = append(findings, fmt.Sprintf("%s:%d: names %s, which is not there", name, i+1, page))
				}
			}
		}
		return nil
	})
	return findings, err
}

// Tables names the rows of the pages' tables that have more or fewer cells than the
// table's head. A bar in a code span ends a cell, too, unless a backslash escapes it.
func Tables(root string) ([]string, error) {
	all, err := pages(root)
	var findings []string
	for _, p := range all {
		findings = append(findings, p.brokenRows()...)
	}
	return findings, err
}

func (p page) brokenRows() (findings []string) {
	head := 0 // cells of the table's first row, 0 outside of tables
	for i, line := range p.lines {
		line = strings.TrimSpace(line)
		if p.code[i] || !strings.HasPrefix(line, "|") {
			head = 0
			continue
		}
		n := len(cells(line))
		switch {
		case !strings.HasSuffix(line, "|"):
			findings = append(findings, fmt.Sprintf("%s:%d: table row without a bar at its end", p.name, i+1))
		case head != 0 && n != head:
			findings = append(findings, fmt.Sprintf("%s:%d: table row of %d cells, the table has %d columns", p.name, i+1, n, head))
		}
		if head == 0 {
			head = n
		}
	}
	return findings
}

// cells cuts a row of a table.
func cells(row string) []string {
	row = strings.ReplaceAll(strings.Trim(row, "|"), `\|`, escapedBar)
	all := strings.Split(row, "|")
	for i := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(all[i], escapedBar, "|"))
	}
	return all
}

const escapedBar = "\x00"
