package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	sumsName       = "SHA256SUMS"
	noteName       = "SHA256SUMS.note"
	sshName        = "SHA256SUMS.sig"
	provenanceName = "provenance.intoto.sigstore.json"
)

// release is a folder of what was built.
type release struct{ dir, version, commit string }

// files are all files of the folder with their sums, but the signatures.
func (r release) files() (files []subject, err error) {
	list, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if slices.Contains([]string{noteName, sshName, provenanceName}, e.Name()) {
			continue
		}
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s: no file", filepath.Join(r.dir, e.Name()))
		}
		f, err := os.Open(filepath.Join(r.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		files = append(files, subject{e.Name(), digest{"sha256": hex.EncodeToString(sum.Sum(nil))}})
	}
	return files, nil
}

func (r release) sign(key ed25519.PrivateKey) error {
	if r.version == "" || r.commit == "" {
		return errors.New("-version and -commit are missing")
	}
	files, err := r.files()
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(r.dir, sumsName))
	if err != nil {
		return err
	}
	if err := sameSums(sums, files); err != nil {
		return err
	}
	note, err := signNote(sums, key)
	if err != nil {
		return err
	}
	provenance, err := signStatement(r.provenance(files), key)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(r.dir, noteName), note, 0o644), os.WriteFile(filepath.Join(r.dir, provenanceName), provenance, 0o644))
}

// check proves that the key's owner released exactly the files that are here, and prints the
// version and the commit for those who build them anew.
func (r release) check(key ed25519.PublicKey) error {
	files, err := r.files()
	if err != nil {
		return err
	}
	note, err := os.ReadFile(filepath.Join(r.dir, noteName))
	if err != nil {
		return err
	}
	sums, err := openNote(note, key)
	if err != nil {
		return fmt.Errorf("%s: %w", noteName, err)
	}
	if own, err := os.ReadFile(filepath.Join(r.dir, sumsName)); err != nil || !bytes.Equal(own, sums) {
		return fmt.Errorf("%s is not what was signed", sumsName)
	}
	if err := sameSums(sums, files); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(r.dir, provenanceName))
	if err != nil {
		return err
	}
	s, err := openStatement(text, key)
	if err != nil {
		return fmt.Errorf("%s: %w", provenanceName, err)
	}
	for _, f := range files {
		if !slices.ContainsFunc(s.Subject, func(o subject) bool { return o.Name == f.Name && o.Digest["sha256"] == f.Digest["sha256"] }) {
			return fmt.Errorf("%s: it does not speak of %s as it is here", provenanceName, f.Name)
		}
	}
	said := s.Predicate.BuildDefinition.ExternalParameters
	fmt.Printf("version %s\ncommit %s\n", said["version"], said["commit"])
	return nil
}

// sameSums compares a list of sums with the files: each is in it, and none is missing.
func sameSums(sums []byte, files []subject) error {
	listed := map[string]string{}
	for line := range strings.Lines(string(sums)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || listed[name] != "" {
			return fmt.Errorf("%s: a line that is none: %q", sumsName, line)
		}
		listed[name] = sum
	}
	for _, f := range files {
		if f.Name == sumsName {
			continue
		}
		if listed[f.Name] != f.Digest["sha256"] {
			return fmt.Errorf("%s is not what %s says", f.Name, sumsName)
		}
		delete(listed, f.Name)
	}
	for name := range listed {
		return fmt.Errorf("%s is in %s, and not here", name, sumsName)
	}
	return nil
}
