package target

import "fmt"

// Misgiven is an attribute that no store can take as it is given. Name is that of a rule.
type Misgiven struct {
	Name string
	Err  error
}

func (m *Misgiven) Error() string { return m.Name + " " + m.Err.Error() }
func (m *Misgiven) Unwrap() error { return m.Err }

func misgiven(name, format string, args ...any) error {
	return &Misgiven{name, fmt.Errorf(format, args...)}
}
