package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// treeDigest is that of all files of the tree but for its documents, what was built, and
// the breaks, each of which counts by itself (key): all that the result of a test hangs
// on. The version of Go is part of it.
func treeDigest(root string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", runtime.Version())
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "docs", filepath.Join("scripts", "broken", "breaks")}, rel):
			return fs.SkipDir
		case !d.Type().IsRegular() || filepath.Ext(name) == ".md" || rel == ".git":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d\n", rel, len(text))
		h.Write(text)
		return nil
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), err
}

// key names one break, as it is written, in one tree.
func key(tree string, b *brk) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q %q %q", tree, b.name, b.tests, b.edits))
	return fmt.Sprintf("%x", sum[:16])
}

// A logLine is one break that was noticed.
type logLine struct {
	Key, Name, By string
	Seconds       float64
}

func writeLog(log io.Writer, tree string, t trial) error {
	line, err := json.Marshal(logLine{key(tree, t.b), t.b.name, t.by, t.took.Seconds()})
	if err != nil {
		return err
	}
	_, err = log.Write(append(line, '\n'))
	return err
}

// readLog gives what was noticed, by key. A line that a kill cut off counts for nothing.
func readLog(name string) (map[string]trial, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	noticed := map[string]trial{}
	for line := range strings.Lines(string(text)) {
		var l logLine
		if json.Unmarshal([]byte(line), &l) == nil && l.By != "" {
			noticed[l.Key] = trial{by: l.By, took: time.Duration(l.Seconds * float64(time.Second))}
		}
	}
	return noticed, nil
}
