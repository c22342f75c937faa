package target

import (
	"encoding/base64"
	"strings"
)

func Encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func Clip(s string) string {
	if len(s) > 512 {
		return strings.ToValidUTF8(s[:512], "") + "…"
	}
	return s
}
