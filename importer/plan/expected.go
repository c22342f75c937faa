package plan

import (
	"github.com/sledge-io/sledge/importer/content"
)

func (a *Action) Expected() content.Expected {
	return content.Expected{Size: a.Size, PartSize: a.PartSize, Parts: a.Parts, SHA256: a.SHA256, CRC: a.CRC, Composite: a.Composite()}
}
