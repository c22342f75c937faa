package bridge

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// TestSourceErrors: an import tells bytes that the disks have lost from bytes that are
// others than the manifest says, and takes nothing else for either.
func TestSourceErrors(t *testing.T) {
	for err, want := range map[error]target.Code{
		appliance.ErrLost: target.CodeSourceLost, appliance.ErrTooFewDisks: target.CodeSourceLost,
		manifest.ErrCorrupt: target.CodeSourceCorrupt, crypto.ErrCorrupt: target.CodeSourceCorrupt,
		io.EOF: "", errors.New("too many open files"): "",
	} {
		told := sourceError("dir/name", fmt.Errorf("pack 3: %w", err))
		var e *target.Error
		if is := errors.As(told, &e); is != (want != "") || is && e.Code != want || !errors.Is(told, err) {
			t.Errorf("%v: %v, want %q", err, told, want)
		}
	}
	if err := sourceError("x", nil); err != nil {
		t.Error(err)
	}
}
