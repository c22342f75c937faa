package importreport

import "io/fs"

// noteMark names receipts that have the mark of a cancel which the run's folder does not have. An
// older sledge marked them first, and its cancel may have failed then: by its folder the run is not
// canceled, and goes on. Whoever has the receipts alone refuses them.
func (d *Device) noteMark(folder fs.FS, receipts string) {
	if d.Canceled != nil || receipts == "" {
		return
	}
	sub, err := fs.Sub(folder, receipts)
	if err != nil {
		return
	}
	switch mark, err := readMark(sub); {
	case err != nil:
		d.note("whether %s are marked as canceled is not known: %v", receipts, err)
	case mark != nil && mark.OfReceipts(RunOf(sub)):
		d.note("%s are marked as canceled, and the run is not: an older sledge began to cancel it, and gave nothing up. They are not accepted; the same import with a new --run-id finds the objects and writes others", receipts)
	}
}
