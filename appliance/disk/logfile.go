package disk

import (
	"path"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// WriteLogFile writes a file of the log; name is as the log writer of package manifest gives it.
func WriteLogFile(onto vfs.FS, name string, data []byte) error {
	full := LogDir + "/" + name
	if err := durable.MkdirAll(onto, path.Dir(full)); err != nil {
		return err
	}
	return durable.WriteFile(onto, full, data)
}
