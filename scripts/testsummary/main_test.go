package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	const (
		pass = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestA","Output":"=== RUN TestA\n"}
{"Action":"pass","Package":"h.org/o/m/p","Test":"TestA"}
{"Action":"pass","Package":"h.org/o/m/p","Elapsed":1.25}
`
		skip = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestS","Output":"=== RUN   TestS\n"}
{"Action":"output","Package":"h.org/o/m/p","Test":"TestS","Output":"    s_test.go:3: VECTORS is not set\n"}
{"Action":"output","Package":"h.org/o/m/p","Test":"TestS","Output":"--- SKIP: TestS (0.00s)\n"}
{"Action":"skip","Package":"h.org/o/m/p","Test":"TestS"}
`
		fail = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestF","Output":"    f_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"h.org/o/m/p","Test":"TestF"}
{"Action":"fail","Package":"h.org/o/m/p","Elapsed":0.5}
`
		hung = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestH","Output":"waiting\n"}
{"Action":"output","Package":"h.org/o/m/p","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"h.org/o/m/p","Elapsed":600}
`
		build = `{"ImportPath":"h.org/o/m/q [h.org/o/m/q.test]","Action":"build-output","Output":"q.go:3:1: syntax error\n"}
{"Action":"fail","Package":"h.org/o/m/q","Elapsed":0,"FailedBuild":"h.org/o/m/q [h.org/o/m/q.test]"}
`
		figure = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestA","Output":"    a_test.go:7: figure: seed 3: 12 of 12\n"}
`
		cutOff = `{"Action":"output","Package":"h.org/o/m/p","Test":"TestH","Output":"killed here\n"}
`
	)
	tests := []struct {
		name, in string
		min      int
		ok       bool
		want     []string
	}{
		{"pass", pass, 1, true, []string{"ok    m/p ", "1.2s", "tests: 1 passed, 0 failed, 0 skipped"}},
		{"skip", skip + pass, 1, true, []string{"skipped tests: 1\n  m/p TestS: VECTORS is not set\n", "1 passed, 0 failed, 1 skipped"}},
		{"fail", pass + fail, 1, false, []string{"got 1, want 2", "FAIL  m/p ", "failed tests: 1\n  m/p TestF\n", "1 passed, 1 failed"}},
		{"hung", pass + hung, 1, false, []string{"waiting\n", "panic: test timed out", "m/p TestH (did not finish)"}},
		{"build", pass + build, 1, false, []string{"q.go:3:1: syntax error", "FAIL  m/q ", "failed tests: 1\n  m/q\n"}},
		{"cut off", pass + cutOff, 1, false, []string{"killed here", "m/p TestH (did not finish)"}},
		{"too few", pass, 2, false, []string{"at least 2 must pass"}},
		{"nothing", "", 1, false, []string{"0 passed"}},
		{"other lines", "go: no such module\n" + pass, 1, true, []string{"go: no such module\n"}},
		{"figure", figure + pass, 1, true, []string{"figures (commit ", "\n  m/p TestA: seed 3: 12 of 12\n"}},
		{"no line end", strings.TrimSpace(pass), 1, true, []string{"1 passed"}},
	}
	for _, test := range tests {
		var out strings.Builder
		if ok := summarize(strings.NewReader(test.in), &out, test.min); ok != test.ok {
			t.Errorf("%s: ok = %v, want %v", test.name, ok, test.ok)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in:\n%s", test.name, want, out.String())
			}
		}
	}
}
