package program

import (
	"io"
	"strconv"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/keyless"
)

// Man writes the program's manual page, with all of its verbs. The program itself does not: it
// would be larger.
func (p Program) Man(w io.Writer, date string) error {
	page := cmdline.Page{
		Name: name, Short: "verify disks, proofs and receipts of sledge, without a key and a network", Usage: name + " VERB [flags]",
		Long: "Check what sledge has loaded, sealed and imported. Nothing is decrypted, nothing is written, and no network is asked. " +
			"The verbs are those of \"sledge verify\", with the same words, exit codes and JSON.",
		Others: []string{"sledge"},
	}
	seen := map[string]bool{}
	for _, v := range verbs() {
		page.Verbs = append(page.Verbs, [2]string{v.Use, v.Short})
		page.Example += v.Example + "\n"
		flags := (&app{}).flags(v)
		for _, f := range flags.All() {
			if seen[f.Name] {
				continue
			}
			seen[f.Name] = true
			value := ""
			if !f.Bool {
				value = "VALUE"
			}
			page.Flags = append(page.Flags, cmdline.ManFlag{Name: f.Name, Short: f.Short, Value: value, Usage: f.Usage})
		}
	}
	for _, code := range keyless.Codes() {
		page.Exits = append(page.Exits, [2]string{strconv.Itoa(code), keyless.Class(code)})
	}
	return page.Write(w, date, p.Version)
}
