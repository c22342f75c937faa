package target

import (
	"fmt"
)

// Retention is what a bucket gives to each new object that asks for none itself.
type Retention struct {
	Mode        string // GOVERNANCE or COMPLIANCE; "" is none
	Days, Years int32
	Lock        bool // the bucket has object lock, which a default retention needs
}

func (r Retention) String() string {
	if r.Years > 0 {
		return fmt.Sprintf("%s for %d years", r.Mode, r.Years)
	}
	return fmt.Sprintf("%s for %d days", r.Mode, r.Days)
}
