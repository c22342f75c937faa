// Package advice has the two kinds of error that say what the operator is to do: a mistake
// on the command line, and an error with hints that only its place knows.
//
// Rooms that the command calls return them; the command alone turns an error into an exit
// code and prints. Hints are whole commands and sentences, and an error's text is complete
// without them. It imports nothing of ours, and prints nothing.
package advice

import "fmt"

// UsageError is a mistake on the command line: nothing was done.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Hinted is an error with hints that only its place knows. They take the place of those
// that the command has for the error's kind.
type Hinted struct {
	Err   error
	Hints []string
}

func (e *Hinted) Error() string { return e.Err.Error() }

func (e *Hinted) Unwrap() error { return e.Err }

// Hint gives an error its hint. Without an error there is none.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Hinted{err, []string{fmt.Sprintf(format, args...)}}
}
