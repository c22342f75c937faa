package crypto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// maxNesting is how deep objects and lists may stand within one another in an envelope.
const maxNesting = 32

// checkNames refuses a valid JSON text in which an object gives a name twice, also one that
// nothing is read from, and one that is nested too deep: readers would differ in them.
func checkNames(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil: a list
		name  bool            // the next text is a name
	}
	var open []level
	for {
		t, err := d.Token()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("malformed JSON: %w", err)
		}
		if t == json.Delim('}') || t == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open) - 1; n >= 0 && open[n].names != nil {
			if open[n].name = !open[n].name; open[n].name {
				name := t.(string) // a valid object's key
				if open[n].names[name] {
					return fmt.Errorf("field %.40q is given twice", name)
				}
				open[n].names[name] = true
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
		if len(open) > maxNesting {
			return fmt.Errorf("nested more than %d deep", maxNesting)
		}
	}
}
