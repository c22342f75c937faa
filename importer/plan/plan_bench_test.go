package plan

import (
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// BenchmarkPlan plans a small file, and one in 1,000 parts.
func BenchmarkPlan(b *testing.B) {
	p, err := New(Settings{Prefix: "in/", Profile: profileNamed(b, "aws"), RunID: "run-1"}, manifest.Scope{})
	if err != nil {
		b.Fatal(err)
	}
	for name, size := range map[string]int64{"small": 4096, "parts": 16000 * target.MiB} {
		b.Run(name, func(b *testing.B) {
			e := entry.Entry{Record: fileRecord("folder-0001/some-name-000123.dat", size), Raw: []entry.RawRecord{{Page: 3, Index: 7}}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Plan(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
