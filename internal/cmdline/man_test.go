package cmdline

import (
	"strings"
	"testing"
)

// TestPageIsText: nothing in a verb's texts is a request to the formatter, and hyphens can be
// copied into a shell.
func TestPageIsText(t *testing.T) {
	var out strings.Builder
	page := Page{Name: "x-y", Short: `a "short" one`, Usage: "x y --flag", Long: ".so /etc/passwd\n'br\nC:\\path\n\n  a  list\n  of two", Example: "  .x --disk '/mnt/bay*'",
		Flags: []ManFlag{{"disk", "d", "DIR", ".usage …"}}, Verbs: [][2]string{{"z", "does"}}, Others: []string{"a", "b"}}
	if err := page.Write(&out, "2026-12-01", "v1"); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		request, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.Contains(" .TH .SH .B .BR .TP .PP .nf .fi ", " "+request+" ") {
			t.Errorf("a request of others: %q", line)
		}
	}
	for _, want := range []string{`\&.so /etc/passwd 'br C:\epath`, `\fB\-d\fR, \fB\-\-disk\fR \fIDIR\fR`, `\&.usage \[u2026]`, ".BR a (1),\n.BR b (1)\n", ".nf\n  a  list\n  of two\n.fi\n", `.TH X\-Y 1 "2026-12-01" "sledge v1"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
