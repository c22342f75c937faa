package appliance

import (
	"path"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

func writeLogFile(onto vfs.FS, name string, data []byte) error {
	full := disk.LogDir + "/" + name
	if err := durable.MkdirAll(onto, path.Dir(full)); err != nil {
		return err
	}
	return durable.WriteFile(onto, full, data)
}
