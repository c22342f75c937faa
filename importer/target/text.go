package target

import (
	"encoding/base64"
	"strings"
)

// Encode64 is S3's form of checksums.
func Encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Clip cuts a store's or a system's words to 512 bytes.
func Clip(s string) string {
	if len(s) > 512 {
		return strings.ToValidUTF8(s[:512], "") + "…"
	}
	return s
}
