package main

import (
	"bytes"
	"fmt"

	"rsc.io/qr"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

// codeSheet is the paper that the unlock code is handed over on. What it shows beside
// the code is what the question for the code shows. --code-file reads it, too.
func codeSheet(j *manifest.Job, code crypto.UnlockCode) []byte {
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%-12s %s\n", name, value) }
	fmt.Fprintf(&b, "Code sheet of a sledge job. Keep it apart from the job file and from the disks.\n\n")
	field("site", escape(j.Site))
	field("job", j.ID.String())
	for _, d := range j.Devices {
		field("device", d.ID.String())
	}
	field("expires", j.Expires.UTC().Format("2006-01-02 15:04 MST"))
	field(codeLine, code.Reveal())
	fmt.Fprintf(&b, "\n\"sledge unlock\" shows job and device before it asks for the code.\nType the code only if both are on this sheet.\n")
	return b.Bytes()
}

// codeQR is where the QR code of the sheet is written; nowhere without a sheet.
func (f *jobFlags) codeQR() string {
	if f.codeOut == "" {
		return ""
	}
	return f.codeOut + ".png"
}

// writeCodeSheet writes the sheet, and the code alone as a QR code, for a scanner that
// types it. The code exists nowhere else: the sheet comes first.
func writeCodeSheet(name, qrName string, j *manifest.Job, code crypto.UnlockCode) error {
	if err := files.WriteNew(name, codeSheet(j, code), true); err != nil {
		return err
	}
	image, err := qr.Encode(code.Reveal(), qr.M)
	if err != nil {
		return fmt.Errorf("unlock code as QR code: %w", err)
	}
	return files.WriteNew(qrName, image.PNG(), true)
}
