package appliance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tiny pages and index packs: every path is found, every prefix listed.
func TestTinyIndexPacks(t *testing.T) {
	src := smallTree(t, 20, 10<<10)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 6)
	os.MkdirAll(filepath.Join(src, deep), 0o755)
	for _, n := range []string{"x", "y", "z"} {
		os.WriteFile(filepath.Join(src, deep, n), []byte(n), 0o644)
	}
	r := small32(t)
	r.cfg.pageRecords, r.cfg.indexPages = 2, 3
	r.loadAll(src, LoadOptions{})
	res := r.sealAll()
	want := readTree(t, src)
	if err := r.check(want, res.Label); err != nil {
		t.Fatal(err)
	}
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	if rd.End.IndexPacks < 8 {
		t.Fatalf("%d index packs", rd.End.IndexPacks)
	}
	ctx := context.Background()
	for p := range want {
		e, err := rd.Lookup(ctx, p)
		if err != nil || e.Record.Path != p {
			t.Errorf("%q: %v", p, err)
		}
		if e, err := rd.Lookup(ctx, p+"!"); err == nil && want[p+"!"] == "" {
			t.Errorf("%q was found: %q", p+"!", e.Record.Path)
		}
		for _, prefix := range []string{p, p[:1+len(p)/2]} {
			n, m := 0, 0
			for q, v := range want {
				if v == "dir" {
					q += "/"
				}
				if strings.HasPrefix(q, prefix) {
					n++
				}
			}
			if err := rd.List(ctx, prefix, func(Entry) error { m++; return nil }); err != nil || m != n {
				t.Errorf("prefix %q: %d entries, want %d, %v", prefix, m, n, err)
			}
		}
	}
}
