package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/custody/event"
)

// arrivalReport is an arrival that was signed.
type arrivalReport struct {
	*addedReport
	Seals      []string `json:"seals_found"`
	Expected   []string `json:"seals_expected"`
	Exceptions []string `json:"exceptions"`
}

func (r *arrivalReport) Print(w io.Writer) {
	r.addedReport.Print(w)
	fmt.Fprintf(w, "seals       found %s; by the log they are %s\n", namesOr(r.Seals, "none"), namesOr(r.Expected, "none"))
	for _, x := range r.Exceptions {
		fmt.Fprintf(w, "EXCEPTION   %s\n", escape(x))
	}
}

func namesOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return escape(strings.Join(names, ", "))
}

// arrive signs an arrival, and an exception for each thing that is not as it should be. It
// refuses nothing: what came has come.
func (w *custodyWork) arrive(e *event.Event, wrong []string) (report, error) {
	events, err := w.events()
	if err != nil {
		return nil, err
	}
	expected, err := event.SealsOn(events)
	if err != nil {
		return nil, err
	}
	if _, ok := e.Details["seals"]; !ok {
		if err := e.Set("seals", []event.Seal{}); err != nil {
			return nil, err
		}
	}
	seals, err := e.Seals()
	if err != nil {
		return nil, err
	}
	r := &arrivalReport{addedReport: w.added(e), Seals: []string{}, Expected: append([]string{}, expected...), Exceptions: []string{}}
	for _, s := range seals {
		r.Seals = append(r.Seals, s.Number)
	}
	slices.Sort(r.Seals)
	damage := ""
	if err := e.Get("damage", &damage); err != nil {
		return nil, err
	}
	if err := w.add(e, w.key); err != nil {
		return nil, err
	}
	if w.state, err = w.again(); err != nil {
		return nil, err
	}
	if !slices.Equal(r.Seals, expected) {
		if err := w.exception(r, "seal number differs", fmt.Sprintf("seals %s were found, and by the log they are %s", namesOr(r.Seals, "none"), namesOr(expected, "none"))); err != nil {
			return r, err
		}
	}
	if damage != "" {
		wrong = append([]string{"damage: " + damage}, wrong...)
	}
	for _, text := range wrong {
		kind, what, _ := strings.Cut(text, ": ")
		if err := w.exception(r, kind, what); err != nil {
			return r, err
		}
	}
	if len(r.Exceptions) > 0 {
		return r, fmt.Errorf("%w: %s", errException, r.Exceptions[0])
	}
	return r, nil
}

// again verifies the log as it is by now, so that the next entry is judged by it.
func (w *custodyWork) again() (state *custodyState, err error) {
	in, err := w.input()
	if err != nil {
		return nil, err
	}
	return w.app.checkCustody(w.dir, in)
}

func (w *custodyWork) exception(r *arrivalReport, kind, text string) error {
	e := w.event(event.Exception)
	e.Note = clipNote(text)
	if err := e.Set("kind", kind); err != nil {
		return err
	}
	if kind == "seal number differs" {
		if err := e.Set("expected", r.Expected); err != nil {
			return err
		}
		if err := e.Set("found", r.Seals); err != nil {
			return err
		}
	}
	r.Exceptions = append(r.Exceptions, kind+": "+text)
	return w.add(e, w.key)
}

// clipNote keeps an exception's text within what an event holds.
func clipNote(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > event.MaxText {
		text = strings.ToValidUTF8(text[:event.MaxText], "")
	}
	return text
}
