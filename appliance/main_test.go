package appliance

import (
	"testing"

	"github.com/sledge-io/sledge/internal/testheap"
)

func TestMain(m *testing.M) { testheap.Main(m) }
