package fsck

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/liar"
)

// limitRow is a row of the tables of limits in docs/format.md.
type limitRow struct {
	name  string
	least uint64 // 0: none
	most  uint64
}

var (
	numeral = regexp.MustCompile(`2\^\d+(?: − \d+)?|\d[\d,]*(?: [KMG]iB)?`)
	lie     = regexp.MustCompile(`"([^"]+)"`)
)

// numberOf reads "2^63 − 1", "64 KiB" or "4,096".
func numberOf(t *testing.T, text string) uint64 {
	t.Helper()
	less := uint64(0)
	if head, tail, ok := strings.Cut(text, " − "); ok {
		text, less = head, numberOf(t, tail)
	}
	if power, ok := strings.CutPrefix(text, "2^"); ok {
		return 1<<numberOf(t, power) - less
	}
	digits, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(strings.ReplaceAll(digits, ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << map[string]int{"": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]
}

// limitRows reads the tables of limits: those whose second column is the value.
func limitRows(t *testing.T) (rows []limitRow) {
	t.Helper()
	text, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "| limit | value | held by |":
			inside = true
			continue
		case !strings.HasPrefix(line, "| "):
			inside = inside && strings.HasPrefix(line, "|---")
		}
		if !inside || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		r := limitRow{name: strings.ReplaceAll(cells[0], "`", "")}
		low, high, both := strings.Cut(cells[1], " to ")
		if !both {
			low, high = "", low
		}
		if n := numeral.FindString(low); n != "" {
			r.least = numberOf(t, n)
		}
		r.most = numberOf(t, numeral.FindString(high))
		rows = append(rows, r)
	}
	return rows
}

// limitCase makes what has a size or a number, and gives it to both.
type limitCase struct {
	make             func(t *testing.T, n uint64) [][]byte // each of them is tried
	verifier, reader func(b []byte) error
	below, beyond    func(n uint64) uint64 // nil: the next number
}

func (c limitCase) try(t *testing.T, n uint64, ok bool) {
	t.Helper()
	for i, b := range c.make(t, n) {
		if err := c.verifier(b); (err == nil) != ok {
			t.Errorf("%d (%d): verifier: %v", n, i, err)
		}
		if err := c.reader(b); (err == nil) != ok {
			t.Errorf("%d (%d): reader: %v", n, i, err)
		}
	}
}

// TestLimits: what stands at a limit of docs/format.md verifier and reader both take, and
// what is one beyond neither does. The numbers are the document's, and each of its rows has
// a case here.
func TestLimits(t *testing.T) {
	cases := limitCases(t)
	rows := limitRows(t)
	if len(rows) < 50 {
		t.Fatalf("%d rows in the tables of docs/format.md", len(rows))
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c, ok := cases[row.name]
			if !ok {
				t.Fatal("the row has no case")
			}
			delete(cases, row.name)
			next, before := func(n uint64) uint64 { return n + 1 }, func(n uint64) uint64 { return n - 1 }
			if c.beyond != nil {
				next = c.beyond
			}
			if c.below != nil {
				before = c.below
			}
			c.try(t, row.most, true)
			if row.most < math.MaxUint64 {
				c.try(t, next(row.most), false)
			}
			if row.least > 0 {
				c.try(t, row.least, true)
				c.try(t, before(row.least), false)
			}
		})
	}
	for name := range cases {
		t.Errorf("docs/format.md has no row %q", name)
	}
	t.Logf("figure: %s", fmt.Sprint(len(rows), " limits"))
}

// TestNamedLies: each lie that a table of docs/format.md says holds a rule is in the corpus.
func TestNamedLies(t *testing.T) {
	known := map[string]bool{}
	for _, l := range liar.Lies() {
		known[l.Name] = true
	}
	text, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	inside, named := false, 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		last := cells[len(cells)-1]
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case last == "held by":
			inside = true
		case inside:
			for _, l := range lie.FindAllStringSubmatch(last, -1) {
				if named++; !known[l[1]] {
					t.Errorf("there is no lie %q", l[1])
				}
			}
		}
	}
	if named < 50 {
		t.Errorf("%d lies are named", named)
	}
}
