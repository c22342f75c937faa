package manifest

import (
	"bytes"
	"fmt"
)

// CheckPath applies section 7.1.
func CheckPath(p string) error {
	if p == "" || len(p) > MaxPath {
		return fmt.Errorf("path of %d bytes: must be 1 to %d", len(p), MaxPath)
	}
	for start := 0; start <= len(p); {
		end := start
		for end < len(p) && p[end] != '/' {
			if p[end] == 0 {
				return fmt.Errorf("path %s contains a NUL", quote(p))
			}
			end++
		}
		switch p[start:end] {
		case "", ".", "..":
			return fmt.Errorf("path %s has an empty or dot component", quote(p))
		}
		start = end + 1
	}
	return nil
}

// CompareKeys orders two records of the manifest.
func CompareKeys(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

func quote(s string) string { return fmt.Sprintf("%q", s) }
