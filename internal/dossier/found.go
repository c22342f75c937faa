package dossier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck"
)

// Bounds of what is looked at.
const (
	maxVisited = 200_000 // names
	maxSmall   = 8 << 20 // bytes of a file that may be a statement or a proof
	maxLabel   = 64 << 10
	MaxListed  = 1000 // files of no known kind that are named
)

// Input is a file, as it was read.
type Input struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Found is what lies in a folder, by what it says of itself.
type Found struct {
	Jobs, Acceptances, Commits, Proofs, Labels, Keys []Input
	Statements                                       []Input  // signed, of another kind
	Receipts, Disks                                  []string // folders
	Secrets                                          []string // files that nobody should have sent
	Others                                           []string // of no kind that is known here, at most MaxListed
	OtherCount                                       int
	Unreadable                                       []string // "name: why"
	Cut                                              bool     // there are more names than are looked at

	owned map[string]bool // names that are a disk's or a receipt folder's own
}

// Statement kinds by the last elements of their predicate type.
const (
	kindJob        = "job/v1"
	kindAcceptance = "acceptance/v1"
	kindCommit     = "commit/v1"
)

// Look goes through a folder. Links are not followed, disks and receipts are not entered. Its
// error is the context's, or of the folder itself.
func Look(ctx context.Context, fsys fs.FS) (*Found, error) {
	f := &Found{owned: map[string]bool{}}
	visited := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if name == "." {
				return err
			}
			f.Unreadable = append(f.Unreadable, cause(name, err))
			return nil
		}
		if visited++; visited > maxVisited {
			f.Cut = true
			return fs.SkipAll
		}
		switch {
		case f.owned[name] && d.IsDir():
			return fs.SkipDir
		case f.owned[name]:
			return nil
		case d.IsDir():
			return f.folder(fsys, name)
		}
		return f.file(fsys, name, d)
	})
	return f, err
}

func cause(name string, err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return name + ": " + err.Error()
}

// folder notes a disk or receipts. What is theirs is not entered; what else lies there is.
func (f *Found) folder(fsys fs.FS, name string) error {
	has := func(below string) bool {
		_, err := fs.Stat(fsys, path.Join(name, below))
		return err == nil
	}
	switch {
	case has("sledge/disk.header"), has("sledge/log/checkpoint"):
		f.Disks = append(f.Disks, name)
		f.owned[path.Join(name, "sledge")] = true
	case has("log/checkpoint") && (has("objects.list") || has("total.dsse")):
		f.Receipts = append(f.Receipts, name)
		for _, own := range []string{"log", "objects.list", "total.dsse", "cancel.json"} {
			f.owned[path.Join(name, own)] = true
		}
	}
	return nil
}

func (f *Found) file(fsys fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		f.Unreadable = append(f.Unreadable, cause(name, err))
		return nil
	}
	if !info.Mode().IsRegular() || info.Size() > maxSmall {
		f.other(name)
		return nil
	}
	text, err := readFile(fsys, name)
	if err != nil {
		f.Unreadable = append(f.Unreadable, cause(name, err))
		return nil
	}
	sum := sha256.Sum256(text)
	f.sort(Input{name, hex.EncodeToString(sum[:]), int64(len(text))}, text)
	return nil
}

// Read reads a file that Look has sorted, and refuses one that is not the same any more.
func Read(fsys fs.FS, in Input) ([]byte, error) {
	text, err := readFile(fsys, in.Name)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != in.SHA256 {
		return nil, errors.New("it was changed while it was checked")
	}
	return text, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = errors.New("it grows")
	}
	return text, err
}

// sort notes a file by what it says.
func (f *Found) sort(in Input, text []byte) {
	if secret(text) {
		f.Secrets = append(f.Secrets, in.Name)
		return
	}
	if to := f.listOf(text); to != nil {
		*to = append(*to, in)
		return
	}
	f.other(in.Name)
}

func (f *Found) other(name string) {
	if f.OtherCount++; len(f.Others) < MaxListed {
		f.Others = append(f.Others, name)
	}
}

func secret(text []byte) bool {
	head := text[:min(len(text), 4<<10)]
	return bytes.Contains(head, []byte("PRIVATE KEY-----")) || bytes.Contains(head, []byte("AGE-SECRET-KEY-"))
}

func (f *Found) listOf(text []byte) *[]Input {
	switch {
	case bytes.HasPrefix(text, []byte("c2sp.org/tlog-proof@")):
		return &f.Proofs
	case bytes.HasPrefix(text, []byte("-----BEGIN PUBLIC KEY-----")):
		return &f.Keys
	case bytes.HasPrefix(text, []byte("{")):
		switch kind := statement(text); {
		case kind == "":
			return nil
		case strings.HasSuffix(kind, kindJob):
			return &f.Jobs
		case strings.HasSuffix(kind, kindAcceptance):
			return &f.Acceptances
		case strings.HasSuffix(kind, kindCommit):
			return &f.Commits
		}
		return &f.Statements
	}
	if len(text) <= maxLabel {
		if _, _, err := fsck.LabelOf(text); err == nil {
			return &f.Labels
		}
	}
	return nil
}

// statement is the predicate type that a DSSE envelope has; "" where it is none.
func statement(text []byte) string {
	var e struct {
		PayloadType string `json:"payloadType"`
		Payload     string `json:"payload"`
	}
	if json.Unmarshal(text, &e) != nil || e.PayloadType == "" {
		return ""
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		return ""
	}
	var s struct {
		PredicateType string `json:"predicateType"`
	}
	if json.Unmarshal(payload, &s) != nil {
		return ""
	}
	return s.PredicateType
}

// Subjects are the subjects of a signed statement, as SHA-256 by name. Nobody has checked the
// signature.
func Subjects(text []byte) map[string]string {
	var e struct {
		Payload string `json:"payload"`
	}
	var s struct {
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	sums := map[string]string{}
	if json.Unmarshal(text, &e) != nil {
		return sums
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil || json.Unmarshal(payload, &s) != nil {
		return sums
	}
	for _, subject := range s.Subject {
		sums[subject.Name] = subject.Digest["sha256"]
	}
	return sums
}

// Used says that a file of no kind was compared with a proof, so that it is none of the others.
func (f *Found) Used(name string) {
	if at := slices.Index(f.Others, name); at >= 0 {
		f.Others = slices.Delete(f.Others, at, at+1)
		f.OtherCount--
	}
}
