package manifest

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand"
	"runtime"
	"strings"
	"testing"
)

// givesTwice looks for an object with one name twice, as encoding/json reads the text.
func givesTwice(text string) (bool, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var names []map[string]bool // of open objects; nil is a list
	isName := false
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		top := len(names) - 1
		switch token {
		case json.Delim('{'):
			names = append(names, map[string]bool{})
			isName = true
			continue
		case json.Delim('['):
			names = append(names, nil)
			isName = false
			continue
		case json.Delim('}'), json.Delim(']'):
			names, top = names[:top], top-1
		default:
			if name, ok := token.(string); ok && isName {
				if names[top][name] {
					return true, nil
				}
				names[top][name] = true
				isName = false
				continue
			}
		}
		isName = top >= 0 && names[top] != nil
	}
}

// checkNames compares the scan with encoding/json: it refuses what is not valid, and what
// gives a name twice, and nothing else.
func checkNames(t *testing.T, text string) {
	t.Helper()
	twice, err := givesTwice(text)
	if !json.Valid([]byte(text)) {
		twice = true // refused, whatever for
	} else if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var raw json.RawMessage
	if err := DecodeJSON([]byte(text), &raw); (err != nil) != twice || err == nil && string(raw) != text {
		t.Errorf("%q: %v, want an error: %v", text, err, twice)
	}
}

var nameTexts = []string{
	`{"a":1,"b":{"a":[{"a":"}"},"a",{"b":"\"a\":"}],"c":"\\"},"\\":"\\\"","\\\\":0,"\"":[]}`,
	`{"a\\":1,"a\\\\":2,"a\\\"":{"":"","x":""},"":3}`, `[{"k":"\\\\\\"},{"k":"\\\\\\\""}]`, `"\\"`, `{"\u0061":1,"b":"a"}`,
	`{"a":"\\","a":1}`, `{"a\\":0,"a\u005c":0}`, `{`, `}`, `]`, `,`, `"`, `"\`, `{"a":"\"}`, `{"a":1}}`, `{"a":1},{"a":1}`, `["a"`, `{"a"`, `{"a":{"b":1},"b":1}`,
}

// TestNameScan: also of texts that are not valid, of which the scan makes no more than the
// decoder does. 5,000 texts are changed at random.
func TestNameScan(t *testing.T) {
	dice := rand.New(rand.NewSource(7))
	for i := range 5000 {
		text := []byte(nameTexts[i%len(nameTexts)])
		if i >= len(nameTexts) {
			for range 1 + dice.Intn(3) {
				at := dice.Intn(len(text) + 1)
				text = append(text[:at:at], append([]byte{`{}[]",:\ab1`[dice.Intn(11)]}, text[min(len(text), at+dice.Intn(2)):]...)...)
			}
		}
		checkNames(t, string(text))
	}
}

// TestNameScanDeep: a text of brackets takes no more room than the decoder allows.
func TestNameScanDeep(t *testing.T) {
	for _, depth := range []int{maxNesting, maxNesting + 1, 1 << 20} {
		text := []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		var raw json.RawMessage
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := DecodeJSON(text, &raw); (err == nil) != (depth <= maxNesting) {
			t.Errorf("%d deep: %v", depth, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%d deep: %d bytes allocated", depth, took)
		}
	}
}

func FuzzNameScan(f *testing.F) {
	for _, text := range nameTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == text {
			checkNames(t, text)
		}
	})
}
