package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// TestRemarks: what the packages tell reads as the command's own words.
func TestRemarks(t *testing.T) {
	var out strings.Builder
	a := &app{err: &out}
	log := a.logger().With("device", "aaaaaaaa")
	log.Warn("the run waits for you", "code", "credentials-expired", "cause", "status 403", "do", "renew them", "until", time.Unix(1_700_000_000, 5))
	log.Log(t.Context(), request.LevelNotice, "the run goes on")
	log.Info("target probed", "report", "much")
	want := "warning: device aaaaaaaa: the run waits for you: renew them, until 2023-11-14T22:13:20Z\ndevice aaaaaaaa: the run goes on\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
