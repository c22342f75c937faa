package appliance

import (
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// writable is a device as its writers see it.
type writable struct{ d *Device }

func (w writable) Reserve() (int64, error)         { return w.d.reserve() }
func (w writable) Release(limit int64)             { w.d.release(limit) }
func (w writable) OpenPack() (*ingest.Pack, error) { return w.d.openPack() }
func (w writable) Now() time.Time                  { return w.d.cfg.Now() }

func (w writable) Commit(p *ingest.Pack, entry *manifest.Pack, b *ingest.Batch, source manifest.ID) error {
	return w.d.commit(p, entry, b, source)
}

func (w writable) PackAge() time.Duration {
	return time.Duration(w.d.cfg.Job.Policy.PackSeconds) * time.Second
}
