package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	show   = flag.Bool("show", false, "print the transcript of TestOperatorsDay while it is made")
	update = flag.Bool("update", false, "write the transcript of TestOperatorsDay into the document")
)

// transcript is what stands on people's terminals: for who watches, as it is; for the
// document, with what differs from run to run replaced.
type transcript struct {
	w    *world
	show io.Writer
	text strings.Builder   // Markdown
	vars map[string]string // of the commands' $NAME
	same []string          // old and new text of what has other names in each run
}

// scene begins with a heading and a few words.
func (d *transcript) scene(title, words string) {
	fmt.Fprintf(d.show, "\n\n== %s ==\n\n%s\n", title, words)
	fmt.Fprintf(&d.text, "\n### %s\n\n%s\n", title, words)
}

// say is a few words between.
func (d *transcript) say(words string) {
	fmt.Fprintf(d.show, "\n%s\n", words)
	fmt.Fprintf(&d.text, "\n%s\n", words)
}

// block shows a terminal.
func (d *transcript) block(text string) {
	fmt.Fprintf(d.show, "\n%s", text)
	fmt.Fprintf(&d.text, "\n```console\n%s```\n", text)
}

// rename gives a name of this run the one that it has in the document.
func (d *transcript) rename(old, new string) { d.same = append(d.same, old, new) }

// runs calls a command as it is shown, and wants an exit code.
func (d *transcript) runs(code int, command string) *ran {
	d.w.t.Helper()
	cmd := d.command(command)
	out := &lockedText{}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.w.t.Fatalf("%s: %v", command, err)
	}
	r := &ran{code: cmd.ProcessState.ExitCode(), stdout: out.String()}
	d.block("$ " + command + "\n" + r.stdout + exitLine(r.code))
	if r.code != code {
		d.w.t.Fatalf("%s: exit code %d, want %d: %s", command, r.code, code, r.stdout)
	}
	return r
}

// exitLine is how people look at an exit code that is not 0.
func exitLine(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprintf("$ echo $?\n%d\n", code)
}

// command makes what a shell would make of a line: words, quotes around patterns that
// sledge itself looks up, variables, and patterns of files.
func (d *transcript) command(line string) *exec.Cmd {
	d.w.t.Helper()
	var args []string
	for _, word := range strings.Fields(strings.ReplaceAll(line, "\\\n", " ")) {
		plain := os.Expand(strings.ReplaceAll(word, "'", ""), func(name string) string { return d.vars[name] })
		found, err := filepath.Glob(filepath.Join(d.w.dir, plain))
		if err != nil {
			d.w.t.Fatal(err)
		}
		if strings.Contains(word, "'") || !strings.Contains(plain, "*") || len(found) == 0 {
			args = append(args, plain)
			continue
		}
		for _, name := range found {
			rel, _ := filepath.Rel(d.w.dir, name)
			args = append(args, rel)
		}
	}
	if args[0] == "sledge" {
		return d.w.command(args[1:]...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = d.w.dir
	return cmd
}

// terminal is a command at work, of which lines are shown now and then.
type terminal struct {
	d     *transcript
	cmd   *exec.Cmd
	out   lockedText
	shown int
	done  chan struct{}
}

// starts begins a command and goes on.
func (d *transcript) starts(command string) *terminal {
	d.w.t.Helper()
	a := &terminal{d: d, cmd: d.command(command), done: make(chan struct{})}
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.out
	if err := a.cmd.Start(); err != nil {
		d.w.t.Fatal(err)
	}
	go func() {
		a.cmd.Wait()
		close(a.done)
	}()
	d.w.t.Cleanup(func() {
		a.cmd.Process.Kill()
		<-a.done
	})
	d.block("$ " + command + "\n")
	return a
}

// shows shows what the command has said since the last time.
func (a *terminal) shows() {
	text := a.out.String()
	if new := text[a.shown:]; new != "" {
		a.d.block(new)
	}
	a.shown = len(text)
}

// ends waits for the end and shows the rest.
func (a *terminal) ends(code int) {
	a.d.w.t.Helper()
	a.d.wait("the end of "+strings.Join(a.cmd.Args[1:], " "), a.done)
	text, got := a.out.String(), a.cmd.ProcessState.ExitCode()
	a.d.block(text[a.shown:] + exitLine(got))
	if got != code {
		a.d.w.t.Fatalf("exit code %d, want %d: %s", got, code, text)
	}
}

// says waits until the command has said something.
func (a *terminal) says(text string) {
	a.d.w.t.Helper()
	for end := time.Now().Add(dayPatience); !strings.Contains(a.out.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			a.d.w.t.Fatalf("waited too long for %q in %s", text, &a.out)
		}
	}
}

func (a *terminal) signal(s syscall.Signal) { a.cmd.Process.Signal(s) }

// dayPatience is how long anything of the day may take, on a machine that is busy.
const dayPatience = 20 * time.Minute // below the package limit, so that a hang is told with what was there

func (d *transcript) wait(what string, for_ <-chan struct{}) {
	d.w.t.Helper()
	select {
	case <-for_:
	case <-time.After(dayPatience):
		d.w.t.Fatalf("waited too long for %s", what)
	}
}

// until asks a run for its status, which is not shown, until it is as wanted.
func (d *transcript) until(state, what string, fits func(*watched) bool) *watched {
	d.w.t.Helper()
	for end := time.Now().Add(dayPatience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		r := d.w.run("import", "status", state, "--json")
		if r.code == exitNotFound {
			continue // not begun
		}
		var s watched
		r.result(d.w.t, &s)
		if fits(&s) {
			return &s
		}
	}
	d.w.t.Fatalf("waited too long for %s", what)
	return nil
}

// watched is what import status tells.
type watched struct {
	State    string
	Outcomes map[string]uint64
	Halt     *struct{ Code string }
	Progress struct {
		Entries      uint64
		TotalEntries uint64 `json:"total_entries"`
		Throttled    int64
		Requests     int
	}
}

// masks have the document say … where each run says something else.
var masks = []struct{ find, with string }{
	{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "YYYY-MM-DDThh:mm:ssZ"},
	{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`, "YYYY-MM-DD hh:mm:ss UTC"},
	{`\d{4}-\d\d-\d\d \d\d:\d\d UTC`, "YYYY-MM-DD hh:mm UTC"},
	{`\(since \d\d:\d\d:\d\d\)`, "(since hh:mm:ss)"},
	{`http://127\.0\.0\.1:\d+`, "http://127.0.0.1:PORT"},
	{`process \d+ on [^ ,\n]+`, "process NUMBER on HOST"},
	{`(run-1(\.\d+)?)\.[0-9a-f]{16}\b`, "${1}.…"},               // a run's digits
	{`\b[0-9a-f]{64}\b`, "…"},                                   // SHA-256
	{`[A-Za-z0-9+/]{43,}=`, "…"},                                // roots, signatures
	{`\b([0-9a-f]{4} ){3}[0-9a-f]{4}\b`, "1a2b 3c4d 5e6f 7a8b"}, // a label's fingerprint
	{`(?m)^(room +about ).*`, "${1}…"},                          // of this machine's disks
	{`(?m)^(latency +)\S+ ms`, "${1}… ms"},                      // from here on: how fast it was
	{`(?m)^(throughput +)\S+ \S+/s up by one request, \S+ \S+/s`, "${1}… MiB/s up by one request, … MiB/s"},
	{`(?m)^(bytes +)\S+ \S+ of`, "${1}… of"}, // the first thirty objects are not always the same
	{`(?m)^rate +.*`, "rate        … KiB/s, … entries/s, … requests at once"},
	{`(?m)^remaining .*\n`, ""},
	{`(?m)^[a-z]+: ([a-z ]+: )?\d[\d.]* ([KMGT]i)?B\b.*\n`, ""}, // progress
	{`(?m)^seal: [a-z]+\n`, ""},
	{`(?m)^(  (?:in progress|halted: fix needed) +)\d[\d dhmins]*$`, "${1}… s"},
	{`(?m)^  no word from the run .*\n`, ""},
	{`"plates[^"]*": credentials-expired`, `"plates/03/0042.tif": credentials-expired`}, // whichever was the first
}

// document is the transcript as the document has it.
func (d *transcript) document() string {
	text := strings.NewReplacer(d.same...).Replace(d.text.String())
	for _, m := range masks {
		text = regexp.MustCompile(m.find).ReplaceAllString(text, m.with)
	}
	return text
}

// compare holds the document's transcript against this one, or writes it.
func (d *transcript) compare(file, begin, end string) {
	d.w.t.Helper()
	doc, err := os.ReadFile(file)
	if err != nil {
		d.w.t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(doc), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		d.w.t.Fatalf("%s has no %s", file, strings.TrimSpace(begin))
	}
	want := d.document()
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644); err != nil {
			d.w.t.Fatal(err)
		}
		return
	}
	if got != want {
		d.w.t.Errorf("%s does not show what the program prints; go test ./e2e -run TestOperatorsDay -update writes it anew. %s", file, firstDifference(got, want))
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("Line %d:\nit has      %s\nprinted is  %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("It has %d lines, printed are %d", len(a), len(b))
}

// lockedText is written by one and read by another.
type lockedText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedText) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedText) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newTranscript begins one.
func newTranscript(t testing.TB, w *world) *transcript {
	t.Helper()
	d := &transcript{w: w, show: io.Discard, vars: map[string]string{}}
	if *show {
		d.show = os.Stdout
	}
	return d
}
