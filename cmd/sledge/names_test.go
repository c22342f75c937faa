package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/manifest"
)

// hostileNames are paths that a target may not take, or looks as if it did not.
func hostileNames() []string {
	names := []string{
		"soap", "sub/soap", "plain", "caf\u00e9", "cafe\u0301", "a\\b", "a b?%#&+*", "...", ".hidden", "-rf", "~", "a.", "\u00a0nbsp",
		"\ufffd", "\u202egnp.exe", "zero\u200bwidth", "line\u2028sep", "\U0010ffff", "\ufdd0", "\ufeffbom",
		"bad\xff", "\xed\xa0\x80surrogate", "\xc0\xafoverlong", "\x80", "\xfe\xff",
		"not\ufffexml", "not\uffffxml", "both\x01\uffff",
		".", "..", "a/../b", "a/./b", "a//b", "/a",
		strings.Repeat("s", 255), strings.Repeat("s", 256), strings.Repeat("é", 127), strings.Repeat("é", 128), "x/" + strings.Repeat("s", 300) + "/y",
		strings.Repeat("dir/", 254) + "12345", strings.Repeat("dir/", 254) + "123456", strings.Repeat("dir/", 255) + "12345", strings.Repeat("0123456789/", 200),
	}
	for c := rune(0); c <= 0xa1; c++ {
		names = append(names, fmt.Sprintf("char%cend", c))
	}
	return names
}

// namesSource is a manifest of entries with these names.
type namesSource struct {
	entry.Source
	records []*manifest.Record
}

func (s *namesSource) Scope() manifest.Scope { return manifest.Scope{} }

func (s *namesSource) Pages() uint64 { return 1 }

func (s *namesSource) Totals() (t manifest.Totals, err error) {
	for _, r := range s.records {
		t.Count(r, 1)
	}
	return t, nil
}

func (s *namesSource) Entries(_ context.Context, _ uint64, f func(entry.Entry) error) error {
	for _, r := range s.records {
		if err := f(entry.Entry{Record: r, Raw: []entry.RawRecord{{}}}); err != nil {
			return err
		}
	}
	return nil
}

type emptyTarget struct{ target.Target }

func (emptyTarget) Capabilities() target.Capabilities { return target.Capabilities{} }

func (emptyTarget) Get(_ context.Context, key, _ string) (io.ReadCloser, error) {
	return nil, target.NotFound(key)
}

// TestScanAgreesWithImport: what the import refuses blocks at the scan, and
// nothing else does, for every profile, prefix, policy and kind of entry.
func TestScanAgreesWithImport(t *testing.T) {
	empty := sha256.Sum256(nil)
	longPrefix := strings.Repeat("p", 250) + "/"
	refusals := 0
	for _, profile := range target.Profiles() {
		for _, prefix := range []string{"", "in/", longPrefix, strings.Repeat("q", 256) + "/"} {
			for _, policy := range []manifest.JobPolicy{{}, {Symlinks: "skip", Directories: "skip"}} {
				rules, err := rulesOf(manifest.JobTarget{URL: "s3://bucket/" + prefix, Profile: profile.Name}, policy, "")
				if err != nil {
					t.Fatal(err)
				}
				source, blocked := &namesSource{}, map[string]string{}
				check := func(r *manifest.Record) {
					source.records = append(source.records, r)
					for _, f := range rules.Check(r.Path, r.Kind, r.Size) {
						if !f.Blocks {
							t.Errorf("%q: %s does not block", r.Path, f.Code)
						}
						blocked[r.Path] = f.Code
					}
				}
				// Other names for other kinds, so that one path is one entry.
				for _, name := range hostileNames() {
					check(&manifest.Record{Kind: manifest.KindFile, Path: name, SHA256: empty[:]})
					check(&manifest.Record{Kind: manifest.KindDir, Path: "dirs/" + name})
					check(&manifest.Record{Kind: manifest.KindSymlink, Path: "links/" + name, Target: "t", Size: 1})
					check(&manifest.Record{Kind: manifest.KindSkipped, Path: "skipped/" + name, Reason: "special"})
				}
				check(&manifest.Record{Kind: manifest.KindDir, Path: "soap"})
				for i, size := range []int64{profile.MaxObject, profile.MaxObject + 1} {
					part := manifest.PartSizeFor(size)
					check(&manifest.Record{Kind: manifest.KindFile, Path: fmt.Sprintf("large%d", i), Size: size, SHA256: empty[:],
						PartSize: part, Parts: slices.Repeat([][]byte{empty[:]}, int((size+part-1)/part))})
				}
				refused := map[string]string{}
				_, err = importer.Run(t.Context(), source, emptyTarget{}, importer.Options{
					Config: s3.Config{Bucket: "bucket", Profile: profile.Name}, Prefix: prefix, RunID: "r", DryRun: true,
					Symlinks: entry.Policy(policy.Symlinks), Directories: entry.Policy(policy.Directories),
					Problem: func(e *target.Error) { refused[e.Path] = string(e.Code) },
				})
				if err != nil {
					t.Fatal(err)
				}
				refusals += len(refused)
				for path, code := range refused {
					if blocked[path] == "" {
						t.Errorf("%s, prefix %.10q, policy %+v: import refuses %.300q (%s), the scan lets it through", profile.Name, prefix, policy, path, code)
					}
				}
				for path, code := range blocked {
					if refused[path] == "" {
						t.Errorf("%s, prefix %.10q, policy %+v: the scan blocks %.300q (%s), import takes it", profile.Name, prefix, policy, path, code)
					}
				}
			}
		}
	}
	if refusals < 1000 {
		t.Errorf("only %d refusals", refusals)
	}
}

// TestScanFindsHostileNames walks those names that this disk can hold.
func TestScanFindsHostileNames(t *testing.T) {
	dir := t.TempDir()
	rules, err := rulesOf(manifest.JobTarget{URL: "s3://bucket/in/", Profile: "versitygw"}, manifest.JobPolicy{}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, name := range hostileNames() {
		if strings.Contains(name, "/") || name == "." || name == ".." || os.WriteFile(filepath.Join(dir, name), nil, 0o600) != nil {
			continue
		}
		if len(rules.Check(name, manifest.KindFile, 0)) > 0 {
			want[name] = true
		}
	}
	found, err := scan.Run(t.Context(), dir, scan.Options{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range found.Findings {
		if f.Blocks {
			got[f.Path] = true
		}
	}
	if !maps.Equal(got, want) || len(want) < 60 || found.Blocking < uint64(len(want)) {
		t.Errorf("%d blocked, want %d, report says %d", len(got), len(want), found.Blocking)
	}
}

// TestFindingsDocumented compares docs/exit-codes.md with the appliance's table.
func TestFindingsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "## Findings of a scan")
	for _, f := range scan.Findings() {
		blocks := map[bool]string{true: "yes", false: "no"}[f.Blocks]
		if line := fmt.Sprintf("| `%s` | %s | %s |", f.Code, blocks, f.Meaning); !strings.Contains(section, line) {
			t.Errorf("docs/exit-codes.md has no line %q", line)
		}
	}
	if lines := strings.Count(section, "\n| `"); lines != len(scan.Findings()) {
		t.Errorf("docs/exit-codes.md has %d lines, the code %d findings", lines, len(scan.Findings()))
	}
}
