package appliance

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
)

// ErrOtherFilters: a load is to be resumed with other filters than it was begun with.
var ErrOtherFilters = errors.New("the load was begun with other filters")

// FiltersError names the filters that a load was begun with. It is [ErrOtherFilters].
type FiltersError struct {
	Source string
	Rules  []string // none: it was begun without filters
}

func (e *FiltersError) Error() string {
	with := "no filter"
	if n := len(e.Rules); n > 0 {
		with = words.Count(uint64(n), "filter", "filters")
		for i, rule := range e.Rules {
			if i == maxRulesNamed {
				with += ", …"
				break
			}
			with += fmt.Sprintf(", %q", rule)
		}
	}
	return fmt.Sprintf("%s: %v: with %s", e.Source, ErrOtherFilters, with)
}

// maxRulesNamed bounds the rules that an error names.
const maxRulesNamed = 20

// Is makes it ErrOtherFilters.
func (e *FiltersError) Is(target error) bool { return target == ErrOtherFilters }

// sameFilters refuses to resume a list with other filters, and has ages count from when
// the list was made.
func sameFilters(src *scan.Source, l *scanList) error {
	began := l.head.Filters
	digest := ""
	if began != nil {
		digest = began.Digest
	}
	if digest == src.Filter.Digest() {
		if began != nil {
			src.Filter = src.Filter.At(began.Now)
		}
		return nil
	}
	e := &FiltersError{Source: src.Root}
	if began != nil {
		for _, rule := range began.Rules {
			e.Rules = append(e.Rules, string(rule))
		}
	}
	return e
}

// filtersNote is what the log says of a load's filters; "" of none.
func filtersNote(r *scan.Report) string {
	if r.Filters == "" {
		return ""
	}
	return fmt.Sprintf("filters %s: %s left out", r.Filters, words.Count(r.LeftOutCount, "entry", "entries"))
}
