package main

import "testing"

func TestConcurrency(t *testing.T) {
	for text, want := range map[string]concurrency{"1": 1, "1024": 1024, "0": 0, "1025": 0, "-1": 0, "many": 0} {
		var c concurrency
		if err := c.Set(text); c != want || (err == nil) != (want != 0) {
			t.Errorf("%s: %d, %v", text, c, err)
		}
	}
}
