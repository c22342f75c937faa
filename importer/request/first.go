package request

import "errors"

// First is the first one that is not merely the end of the others.
func First(errs []error) (first error) {
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, ErrStopped)) {
			first = err
		}
	}
	return first
}
