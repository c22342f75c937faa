package importreport

import (
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/manifest"
)

// TestCriticalTotal: a report takes the totals that an audit takes, with a key and without one.
func TestCriticalTotal(t *testing.T) {
	for name, ok := range map[string]bool{"run": true, "rules": true, "later": false} {
		folder := cleanRun().folder(t)
		var total receipt.Total
		st, _, err := manifest.OpenStatement(folder["receipts/total.dsse"].Data, manifest.PredicateReceipt, &total, public()...)
		must(t, err)
		total.Critical = []string{name}
		folder["receipts/total.dsse"].Data, err = manifest.SignStatement(manifest.PredicateReceipt, st.Subject, total, testKey)
		must(t, err)
		for _, o := range []Options{{}, {Importer: public()}} {
			if _, err := Read(t.Context(), folder, o); (err == nil) != ok {
				t.Errorf("critical %s, %d keys: %v", name, len(o.Importer), err)
			}
		}
	}
}
