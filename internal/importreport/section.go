package importreport

import (
	"cmp"
	"slices"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// Section is one of the four parts that operators know from task reports:
// transferred, already there, left out, failed.
type Section struct {
	Name     string         `json:"name"`
	Meaning  string         `json:"meaning"`
	Entries  uint64         `json:"entries"`
	Bytes    *int64         `json:"bytes,omitempty"` // nil where the run does not tell yet
	Outcomes []OutcomeCount `json:"outcomes"`
	Codes    []CodeCount    `json:"codes"`
}

// OutcomeCount counts the entries of one outcome.
type OutcomeCount struct {
	Outcome entry.Outcome `json:"outcome"`
	Entries uint64        `json:"entries"`
	Bytes   *int64        `json:"bytes,omitempty"`
}

// CodeCount counts one code, and says what it means and what to do.
type CodeCount struct {
	Code    target.Code `json:"code"`
	Count   uint64      `json:"count"`
	Class   string      `json:"class"`
	Meaning string      `json:"meaning"`
	Remedy  string      `json:"remedy"`
}

var sectionTable = []struct {
	name, meaning string
	outcomes      []entry.Outcome
}{
	{"Transferred", "stored by this run and proven", []entry.Outcome{entry.OutcomeStored}},
	{"Already there", "found in the target with the same content and proven; not sent again", []entry.Outcome{entry.OutcomeAlreadyThere}},
	{"Left out", "skipped when the device was loaded, or no object by the job's rules", []entry.Outcome{entry.OutcomeSkipped, entry.OutcomeNoObject}},
	{"Failed", "should be in the target and is not, or not proven", []entry.Outcome{entry.OutcomeFailed, entry.OutcomeConflict}},
}

// Outcomes lists all outcomes in the order of the sections.
func Outcomes() (all []entry.Outcome) {
	for _, s := range sectionTable {
		all = append(all, s.outcomes...)
	}
	return all
}

// counts are what the sections are made of.
type counts struct {
	outcomes map[entry.Outcome]uint64
	bytes    map[entry.Outcome]int64 // nil: not known
	codes    map[entry.Outcome]map[target.Code]uint64
}

func (c *counts) sections() []Section {
	sections := make([]Section, 0, len(sectionTable))
	for _, row := range sectionTable {
		s := Section{Name: row.name, Meaning: row.meaning, Codes: []CodeCount{}}
		codes := map[target.Code]uint64{}
		for _, outcome := range row.outcomes {
			n := OutcomeCount{Outcome: outcome, Entries: c.outcomes[outcome], Bytes: c.bytesOf(outcome)}
			s.Entries += n.Entries
			s.Outcomes = append(s.Outcomes, n)
			for code, k := range c.codes[outcome] {
				codes[code] += k
			}
		}
		s.Bytes = c.bytesOf(row.outcomes...)
		s.Codes = codeCounts(codes)
		sections = append(sections, s)
	}
	return sections
}

func (c *counts) bytesOf(outcomes ...entry.Outcome) *int64 {
	if c.bytes == nil {
		return nil
	}
	sum := int64(0)
	for _, outcome := range outcomes {
		sum += c.bytes[outcome]
	}
	return &sum
}

// codeCounts looks the codes up, the most frequent first.
func codeCounts(met map[target.Code]uint64) []CodeCount {
	list := []CodeCount{}
	for code, n := range met {
		c := CodeCount{Code: code, Count: n, Meaning: "this version of sledge does not know the code", Remedy: "use the newest sledge"}
		if info, ok := infoOf(code); ok {
			c.Class, c.Meaning, c.Remedy = info.Class.String(), info.Meaning, info.Remedy
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b CodeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	return list
}

func infoOf(code target.Code) (target.CodeInfo, bool) {
	codes := target.Codes()
	i := slices.IndexFunc(codes, func(c target.CodeInfo) bool { return c.Code == code })
	if i < 0 {
		return target.CodeInfo{}, false
	}
	return codes[i], true
}
