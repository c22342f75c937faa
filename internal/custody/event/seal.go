package event

import (
	"fmt"
	"slices"
)

// Seal is a numbered seal on a package. VVTT are the four steps of an inspection: view,
// verify, tug, twist; nil says that nobody did it.
type Seal struct {
	Number   string `json:"number"`
	Class    string `json:"class,omitempty"` // ISO 17712: I, S or H
	Maker    string `json:"maker,omitempty"`
	Position string `json:"position,omitempty"`
	View     *bool  `json:"view,omitempty"`
	Verify   *bool  `json:"verify,omitempty"`
	Tug      *bool  `json:"tug,omitempty"`
	Twist    *bool  `json:"twist,omitempty"`
}

const maxSealNumber = 64

// CheckNumber refuses a number that is not one line of plain characters.
func CheckNumber(number string) error {
	if number == "" || len(number) > maxSealNumber {
		return fmt.Errorf("seal number %q is empty or over %d bytes", number, maxSealNumber)
	}
	return checkText("seal number", number)
}

// Seals are those that an event names.
func (e *Event) Seals() (seals []Seal, err error) { return seals, e.Get("seals", &seals) }

// SealsOn follows the seals through a log: the numbers that should be on the packages now.
func SealsOn(events []*Event) (numbers []string, err error) {
	for _, e := range events {
		seals, err := e.Seals()
		if err != nil {
			return nil, err
		}
		for _, s := range seals {
			switch e.Kind {
			case SealApplied:
				numbers = append(numbers, s.Number)
			case SealRemoved:
				numbers = slices.DeleteFunc(numbers, func(n string) bool { return n == s.Number })
			}
		}
		var cut []string
		if e.Kind == Opened {
			if err := e.Get("seals_cut", &cut); err != nil {
				return nil, err
			}
			numbers = slices.DeleteFunc(numbers, func(n string) bool { return slices.Contains(cut, n) })
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}
