package journal

import (
	"fmt"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// EncodeEvents encodes events of one moment: each of them, or none and an error.
func EncodeEvents(now time.Time, events ...manifest.Event) (out [][]byte, err error) {
	for _, e := range events {
		e.Time = now.UTC()
		b, err := e.Encode()
		if err != nil {
			return nil, fmt.Errorf("event %.40q of bay %d: %w", e.What, e.Bay, err)
		}
		out = append(out, b)
	}
	return out, nil
}
