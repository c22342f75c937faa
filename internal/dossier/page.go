package dossier

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/terminal"
)

// WritePage writes the report as one HTML page that needs nothing else: no script, no other
// file, no network. What is first on paper is the verdict, who is trusted, and what was not
// checked.
func (r *Report) WritePage(w io.Writer) error {
	p := page{w: w}
	p.raw(pageHead)
	p.f(`<h1 class="%s">%s</h1>`, strings.ReplaceAll(string(r.Verdict), " ", "-"), r.Headline())
	p.f("<p>Folder <b>%s</b>, audited from %s to %s (UTC).</p>", r.Folder, stamp(r.Began), stamp(r.Ended))
	p.raw("<h2>Who is trusted, and why</h2>")
	p.f("<p>%s</p>", r.TrustLine())
	p.raw("<h2>What was not checked</h2>")
	p.list(r.NotChecked)
	if len(r.Secrets) > 0 {
		p.raw("<h2>Secret keys in the folder</h2><p>Whoever has them can sign or decrypt. They were not used.</p>")
		p.list(r.Secrets)
	}
	if len(r.Unreadable) > 0 {
		p.raw("<h2>What could not be read</h2>")
		p.list(r.Unreadable)
	}
	p.raw("<h2>Checks</h2>")
	for i := range r.Checks {
		p.check(&r.Checks[i])
	}
	if len(r.Keys) > 0 {
		p.raw("<h2>Public keys in the folder</h2><p>That a key lies here says nothing of whose it is.</p>")
		for _, k := range r.Keys {
			p.f("<p>%s<br><code>%s</code></p>", k.Name, k.Fingerprint)
		}
	}
	if r.OtherCount > 0 {
		p.raw("<h2>Other files</h2>")
		p.list(r.Others)
		if more := r.OtherCount - len(r.Others); more > 0 {
			p.f("<p>and %v more</p>", more)
		}
	}
	p.raw("</main></body></html>\n")
	return p.err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// page writes HTML and keeps the first error.
type page struct {
	w   io.Writer
	err error
}

func (p *page) raw(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text+"\n")
	}
}

// hostile makes a text one that is shown as it is.
var hostile = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// f writes a text whose values are shown as they are, whatever they hold.
func (p *page) f(format string, values ...any) {
	for i, v := range values {
		values[i] = hostile.Replace(terminal.Escape(fmt.Sprint(v)))
	}
	p.raw(fmt.Sprintf(format, values...))
}

func (p *page) list(lines []string) {
	p.raw("<ul>")
	for _, line := range lines {
		p.f("<li>%s</li>", line)
	}
	p.raw("</ul>")
}

func (p *page) check(c *Check) {
	p.f(`<section><h3><span class="%s">%s</span> %s <bdi>%s</bdi></h3>`, strings.ReplaceAll(string(c.Result), " ", "-"), c.Result, c.ID, c.Subject)
	p.f("<p>%s<br>%s</p>", c.Asks, c.Why)
	p.f("<p class=\"small\">Rule: docs/format.md %s</p>", c.Rule)
	if len(c.Inputs) > 0 {
		p.raw(`<table><tr><th>Input</th><th>Bytes</th><th>SHA-256</th></tr>`)
		for _, in := range c.Inputs {
			p.f("<tr><td><bdi>%s</bdi></td><td>%v</td><td><code>%s</code></td></tr>", in.Name, in.Bytes, in.SHA256)
		}
		p.raw("</table>")
	}
	p.raw("</section>")
}

const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Audit</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;color:#111;background:#fff;margin:0}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{padding:.75rem 1rem;border:3px solid}
h1.pass{border-color:#0a5c1e;color:#0a5c1e}h1.fail{border-color:#8f0000;color:#8f0000}
h1.in-part,h1.nothing-checked{border-color:#6b4a00;color:#6b4a00}
section{border-top:1px solid #999;break-inside:avoid}
h3{overflow-wrap:anywhere}h3 span{border:2px solid;padding:0 .4rem}
span.pass{color:#0a5c1e}span.fail{color:#8f0000}span.not-possible{color:#6b4a00}
p,li,td,code{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;border-bottom:1px solid #ccc;padding:.2rem .4rem}
.small{font-size:.875rem}
</style></head><body><main>`
