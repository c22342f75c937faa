package main

import (
	"strings"
	"testing"
)

const config = `{"config":{"go_version":"go1.26.8","scan_level":"symbol"}}`

// found is a finding of a module; function "" is of one that is not called.
func found(id, module, function string) string {
	text := `{"osv":{"id":"` + id + `","summary":"what it is"}}{"finding":{"osv":"` + id + `","fixed_version":"v1.2.0","trace":[{"module":"` + module + `","version":"v1.1.0","package":"p"`
	if function == "" {
		return text + `}]}}`
	}
	return text + `,"function":"` + function + `","receiver":"*T"},{"module":"x","package":"x","function":"f"},{"module":"github.com/sledge-io/sledge","package":"our/own","function":"run"}]}}`
}

// TestOnlyCallableOfModulesFails: what is not called, and what is of the toolchain, is told
// and no failure.
func TestOnlyCallableOfModulesFails(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		n    int
		want string
	}{
		"nothing":           {config, 0, "0 found"},
		"callable":          {config + found("GO-1", "example.com/m", "") + found("GO-1", "example.com/m", "Read"), 1, "CALLABLE    GO-1 example.com/m v1.1.0, fixed in v1.2.0: what it is\n            p.(*T).Read, by way of our/own.run\n"},
		"not called":        {config + found("GO-2", "example.com/m", ""), 0, "not called  GO-2"},
		"toolchain":         {config + found("GO-3", "stdlib", "Read"), 0, "toolchain   GO-3"},
		"one in two places": {config + found("GO-4", "stdlib", "Read") + found("GO-4", "example.com/m", "Read"), 1, "2 found, 1 callable"},
	} {
		var out strings.Builder
		n, err := tell(strings.NewReader(c.in), &out, "2026-11-05")
		if err != nil || n != c.n || !strings.Contains(out.String(), c.want) || !strings.Contains(out.String(), "known on 2026-11-05") {
			t.Errorf("%s: %d, %v\n%s", name, n, err, &out)
		}
	}
}

// TestNoAnswerIsNoSuccess: a scan that was cut off, or looked at modules alone, proves nothing.
func TestNoAnswerIsNoSuccess(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":      "",
		"cut off":      config + found("GO-1", "m", "Read")[:60],
		"only modules": strings.Replace(config, "symbol", "module", 1),
	} {
		if n, err := tell(strings.NewReader(in), &strings.Builder{}, "today"); err == nil {
			t.Errorf("%s: %d, and no error", name, n)
		}
	}
}
