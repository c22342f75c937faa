package importer

import (
	"encoding/base64"
	"strings"
)

func encode64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func clip(s string) string {
	if len(s) > 512 {
		return strings.ToValidUTF8(s[:512], "") + "…"
	}
	return s
}
