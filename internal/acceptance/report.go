package acceptance

import (
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Report is what was found, and what was signed.
type Report struct {
	Job      string               `json:"job"`
	Serial   uint64               `json:"job_serial"`
	Devices  []fsck.ReceiptReport `json:"devices"`
	Unproven []*Unproven          `json:"unproven"`
	Waived   int                  `json:"waived"`
	Acceptor string               `json:"acceptor,omitempty"`
	Accepted time.Time            `json:"accepted,omitzero"`
	File     string               `json:"file,omitempty"` // "" if nothing was signed
	Kept     string               `json:"kept,omitempty"` // the site's copy
	List     string               `json:"list,omitempty"`
}

// ShownUnproven is how many things the text names.
const ShownUnproven = 100

func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "job         %s, serial %d\n", r.Job, r.Serial)
	for i := range r.Devices {
		d := &r.Devices[i]
		fmt.Fprintf(w, "device      %s, generation %d, run %s: %s\n", d.Manifest.Device, d.Manifest.Generation, terminal.Escape(d.Run), terminal.Size(int64(d.Bytes)))
		fmt.Fprintf(w, "  target        %s\n", verdict.Target(d.Target, d.Endpoint))
		verdict.PrintEntries(w, d)
		terminal.PrintIf(w, d.Rules != "", "  rules         the importer's own, sha256 %s\n", terminal.Escape(d.Rules))
	}
	for i, u := range r.Unproven {
		if i == ShownUnproven {
			fmt.Fprintf(w, "  … and %d more; --list FILE names them all\n", len(r.Unproven)-ShownUnproven)
			break
		}
		word := "not proven"
		if u.Waived {
			word = "waived"
		}
		fmt.Fprintf(w, "%-11s %s\n", word, u.Text())
	}
	terminal.PrintIf(w, r.List != "", "list        %s: confidential, it names files\n", terminal.Escape(r.List))
	if r.File == "" {
		fmt.Fprintf(w, "acceptance  none: nothing was signed\n")
		return
	}
	fmt.Fprintf(w, "acceptance  %s, signed by acceptor %s\n", terminal.Escape(r.File), r.Acceptor)
	terminal.PrintIf(w, r.Kept != "", "kept        %s\n", terminal.Escape(r.Kept))
}
