package target

// LoopGuard finds out that a listing comes back to where it was: it keeps one place, and
// takes a new one after twice as many steps each time (Brent). So a circle of n pages
// is found within three times n pages.
type LoopGuard struct {
	mark        string
	steps, upTo int
}

// NewLoopGuard makes the guard of one listing, before its first page.
func NewLoopGuard() *LoopGuard { return &LoopGuard{upTo: 1} }

// Closes takes the next place; true is the end: it was there before, or is none. The
// place before the first page is the empty one.
func (c *LoopGuard) Closes(place string) bool {
	if place == c.mark || place == "" {
		return true
	}
	if c.steps++; c.steps == c.upTo {
		c.mark, c.steps, c.upTo = place, 0, 2*c.upTo
	}
	return false
}

// ListingStuck is the error of such a listing. Asking again would not help.
func ListingStuck(key string) *Error {
	e := NewError(CodeServerError, key, "the listing does not go on", nil)
	e.Class = Fixable
	return e
}
