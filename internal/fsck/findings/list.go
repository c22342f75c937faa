package findings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	maxPerClass   = 200 // findings kept of one class; the rest are counted
	maxNameInText = 200
)

const (
	HintRebuild = "run rebuild"
	HintRefuse  = "do not import; ask whoever sent the device"
)

// ErrRefused ends a check whose findings already say why.
var ErrRefused = errors.New("refused")

// List gathers facts from all workers and keeps their number bounded.
type List struct {
	mu      sync.Mutex
	List    []*Finding
	byClass map[string]*classCount
	open    map[runKey]*Finding // the latest run of each, to be extended
	worst   Severity
}

type classCount struct {
	kept, more int64
	severity   Severity
}

// runKey names what may be merged: one fact about one shard, or about one disk.
type runKey struct {
	class string
	disk  *disk.Seen
	pack  *wire.PackEntry
	shard int
}

func New() *List {
	return &List{byClass: map[string]*classCount{}, open: map[runKey]*Finding{}}
}

// Add records one fact. hint may be empty.
func (f *List) Add(s Severity, class string, at Place, hint, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(s, class, at, hint, fmt.Sprintf(format, args...), 1)
}

func (f *List) keep(s Severity, class string, at Place, hint, text string, count int64) *Finding {
	f.worst = max(f.worst, s)
	c := f.byClass[class]
	if c == nil {
		c = &classCount{}
		f.byClass[class] = c
	}
	c.severity = max(c.severity, s)
	if c.kept >= maxPerClass {
		c.more++
		return nil
	}
	c.kept++
	n := &Finding{Severity: s, Class: class, Hint: hint, Count: count}
	n.Text = oneLine(at.finding(n) + text)
	f.List = append(f.List, n)
	return n
}

// Repeat records a fact that may come many times at one place: the first text
// stands, the others are counted.
func (f *List) Repeat(s Severity, class string, at Place, hint, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := runKey{class, at.disk, at.pack, at.shard}
	if n, seen := f.open[key]; seen {
		if n != nil {
			n.Count++
		}
		return
	}
	f.open[key] = f.keep(s, class, at, hint, fmt.Sprintf(format, args...), 1)
}

// stripes records a fact about one stripe and joins it to the run before.
func (f *List) Stripe(s Severity, class string, at Place, stripe int64, hint, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := runKey{class, at.disk, at.pack, at.shard}
	if n := f.open[key]; n != nil && n.LastStripe != nil && stripe == *n.LastStripe+1 {
		*n.LastStripe = stripe
		n.Count++
		return
	}
	n := f.keep(s, class, at, hint, text, 1)
	if n != nil {
		first, last := stripe, stripe
		n.FirstStripe, n.LastStripe = &first, &last
	}
	f.open[key] = n
}

// ClosePack forgets the open runs of a pack, so that memory stays flat.
func (f *List) ClosePack(p *wire.PackEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.open {
		if key.pack == p {
			delete(f.open, key)
		}
	}
}

// Has tells whether there is a finding that is at least so bad.
func (f *List) Has(s Severity) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.worst >= s
}

// Finish gives the sorted list, the counts of what was left out, and the verdict.
func (f *List) Finish(r *Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.List {
		if n.FirstStripe != nil {
			n.Text += stripeText(*n.FirstStripe, *n.LastStripe)
		} else if n.Count > 1 {
			n.Text += fmt.Sprintf(" (and %d more like it)", n.Count-1)
		}
		r.Findings = append(r.Findings, *n)
	}
	for class, c := range f.byClass {
		if c.more > 0 {
			r.Findings = append(r.Findings, Finding{Severity: c.severity, Class: class, Count: c.more,
				Text: fmt.Sprintf("%d more findings of class %s are not listed", c.more, class)})
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Disk, b.Disk), cmp.Compare(a.Pack, b.Pack)) // packs are checked side by side
	})
	r.Verdict = f.worst.verdict()
}

func stripeText(first, last int64) string {
	if first == last {
		return fmt.Sprintf(" (stripe %d)", first)
	}
	return fmt.Sprintf(" (stripes %d to %d)", first, last)
}

// oneLine escapes what would make a finding look like several, or like something else:
// what it tells may be a stranger's words.
func oneLine(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch q := strconv.QuoteToASCII(string(r)); {
		case !unprintable(r):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		default:
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// QuoteName shows a name from outside without letting it speak to a terminal.
func QuoteName(name string) string {
	if len(name) > maxNameInText {
		name = name[:maxNameInText] + "…"
	}
	if q := strconv.Quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}
