package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

const someData = "what an object holds"

// someRecords are of one part, of parts with and without digests of the whole, and inline.
func someRecords() map[string]*manifest.Record {
	sum := func(s string) []byte { d := crypto.SumSHA256([]byte(s)); return d[:] }
	size := int64(len(someData))
	parts := func() *manifest.Record {
		return &manifest.Record{Kind: manifest.KindFile, Path: "parts", Size: size, PartSize: 8, Parts: [][]byte{sum(someData[:8]), sum(someData[8:16]), sum(someData[16:])}}
	}
	whole, checked := parts(), parts()
	whole.SHA256 = sum(someData)
	checked.HasCRC, checked.CRC = true, 42
	return map[string]*manifest.Record{
		"one":        {Kind: manifest.KindFile, Path: "one", Size: size, SHA256: sum(someData)},
		"one, CRC":   {Kind: manifest.KindHardlink, Path: "link", Target: "one", Size: size, SHA256: sum(someData), HasCRC: true, CRC: 7},
		"parts":      parts(),
		"parts, all": whole,
		"parts, CRC": checked,
		"one part":   {Kind: manifest.KindFile, Path: "alone", Size: size, PartSize: 32, Parts: [][]byte{sum(someData)}, SHA256: sum(someData)},
		"symlink":    {Kind: manifest.KindSymlink, Path: "symlink", Target: someData},
		"folder":     {Kind: manifest.KindDir, Path: "folder"},
	}
}

// planned is what the import takes the object of a record for.
func planned(t *testing.T, r *manifest.Record) *plan.Action {
	t.Helper()
	profile, err := target.ProfileByName("generic")
	if err != nil {
		t.Fatal(err)
	}
	profile.MinPart = 1 // parts of some bytes are enough here
	p, err := plan.New(plan.Settings{Profile: profile}, manifest.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Plan(entry.Entry{Record: r, Raw: []entry.RawRecord{{}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// someAnswers are what stores say of an object, right, wrong and odd.
func someAnswers(want content.Expected) (all []target.Object) {
	composite, _, _ := strings.Cut(want.Composite, "-")
	other := target.Encode64(bytes.Repeat([]byte{1}, 32))
	sums := []string{"", composite, other, "no sum"}
	if want.SHA256 != nil {
		sums = append(sums, target.Encode64(want.SHA256[:]))
	}
	var told []string
	for _, sum := range sums {
		for _, count := range []string{"", "-", "-0", "-1", "--1", "-3", "-4", "-x"} {
			told = append(told, sum+count)
		}
	}
	for _, sum := range told {
		for _, crc := range []string{"", want.CRC, "other"} {
			for _, kind := range []string{"", "COMPOSITE", "FULL_OBJECT"} {
				for _, size := range []int64{want.Size, want.Size + 1} {
					all = append(all, target.Object{Size: size, SHA256: sum, CRC64NVME: crc, ChecksumType: kind})
				}
			}
		}
	}
	return all
}

func inWordsOf(v content.Verdict, proof entry.Proof) string {
	switch v {
	case content.Different:
		return "different"
	case content.Same:
		return "same by " + string(proof)
	}
	return "not comparable"
}

func ourWords(proof entry.Proof, differs bool) string {
	switch {
	case differs:
		return "different"
	case proof != entry.ProofNone:
		return "same by " + string(proof)
	}
	return "not comparable"
}

// TestAgreesWithTheImport: the audit's comparison and the import's are two, and come to the same
// about each answer that a store may give.
func TestAgreesWithTheImport(t *testing.T) {
	for name, r := range someRecords() {
		action := planned(t, r)
		theirs := action.Expected()
		ours, err := expectedOf(r)
		if err != nil {
			t.Fatal(err)
		}
		if !ours.named(action.Checksum()) {
			t.Errorf("%s: %q is not the record's", name, action.Checksum())
		}
		for _, o := range someAnswers(theirs) {
			for _, cut := range []bool{true, false} {
				if got, want := ourWords(ours.judge(o, cut)), inWordsOf(theirs.Compare(o, cut)); got != want {
					t.Errorf("%s: %+v, cut so %v: %s, the import says %s", name, o, cut, got, want)
				}
			}
			agreeRecut(t, name, o, ours, theirs)
		}
	}
}

// agreeRecut compares objects that the importer says that he cut anew. A sum of no part is the word of
// nobody who cut something.
func agreeRecut(t *testing.T, name string, o target.Object, ours expected, theirs content.Expected) {
	t.Helper()
	for _, word := range []string{"", o.SHA256, target.Encode64(make([]byte, 32)) + "-3", target.Encode64(make([]byte, 31))} {
		our, err := ours.recut(word)
		their, theirErr := theirs.Recut(word)
		if (err == nil) != (theirErr == nil) {
			t.Errorf("%s: cut anew as %q: %v, the import says %v", name, word, err, theirErr)
			continue
		}
		if err != nil || strings.HasSuffix(word, "-0") || strings.HasSuffix(word, "--1") {
			continue
		}
		_, differs := our.judge(o, true)
		if v, _ := their.Compare(o, true); differs != (v == content.Different) {
			t.Errorf("%s: %+v, cut anew as %q: differs %v, the import says %v", name, o, word, differs, v)
		}
	}
}

// TestWholeAlone: of an object that the importer cut anew only checksums of the whole prove
// something, and his own word can show a difference.
func TestWholeAlone(t *testing.T) {
	r := someRecords()["parts, all"]
	r.HasCRC, r.CRC = true, 42
	x, err := expectedOf(r)
	if err != nil {
		t.Fatal(err)
	}
	whole, other := x.whole, target.Encode64(make([]byte, 32))
	for _, test := range []struct {
		word string
		o    target.Object
		want string
	}{
		{other + "-2", target.Object{Size: x.size, SHA256: other + "-2", ChecksumType: "COMPOSITE"}, "not comparable"},
		{other + "-2", target.Object{Size: x.size, SHA256: whole + "-2", ChecksumType: "COMPOSITE"}, "different"},
		{other + "-2", target.Object{Size: x.size, SHA256: whole, ChecksumType: "FULL_OBJECT"}, "same by store sha256"},
		{other + "-2", target.Object{Size: x.size, SHA256: other + "-2", CRC64NVME: x.crc}, "same by store crc64nvme"},
		{other + "-2", target.Object{Size: x.size, SHA256: other + "-2", CRC64NVME: "other"}, "different"},
		{other + "-2", target.Object{Size: x.size + 1, SHA256: whole}, "different"},
		{whole, target.Object{Size: x.size, SHA256: whole}, "same by store sha256"},
		{whole, target.Object{Size: x.size, SHA256: other, ChecksumType: "FULL_OBJECT"}, "different"},
		{whole, target.Object{Size: x.size}, "not comparable"},
	} {
		c := claim{want: x}
		c.line.Outcome = entry.OutcomeStored
		if c.word, err = x.recut(test.word); err != nil {
			t.Fatal(err)
		}
		if got := ourWords(c.judge(test.o)); got != test.want {
			t.Errorf("cut anew as %q, %+v: %s, want %s", test.word, test.o, got, test.want)
		}
	}
}

// TestReadBackAgrees: both find the same in what is read back.
func TestReadBackAgrees(t *testing.T) {
	lost := errors.New("lost")
	for name, r := range someRecords() {
		theirs := planned(t, r).Expected()
		ours, err := expectedOf(r)
		if err != nil {
			t.Fatal(err)
		}
		data := someData
		if r.Kind == manifest.KindDir {
			data = ""
		}
		for body, whole := range map[string]bool{data: true, data + "!": false, strings.ToUpper(data) + "?": false, data[:len(data)/2]: data == "", strings.Replace(data, "holds", "holdt", 1): data == ""} {
			for _, end := range []error{nil, lost} {
				read := func() io.Reader {
					if end == nil {
						return strings.NewReader(body)
					}
					return io.MultiReader(strings.NewReader(body), failing{end})
				}
				got, want := ours.read(read()), theirs.Check(read())
				if fmt.Sprint(got) != fmt.Sprint(want) || (got == nil) != (whole && end == nil) {
					t.Errorf("%s: of %q, then %v: %v, the import says %v", name, body, end, got, want)
				}
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
