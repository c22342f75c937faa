package entry

import (
	"fmt"

	"github.com/sledge-io/sledge/importer/target"
)

func LostPage(e Entry) *target.Error {
	if own := target.OwnFault("", e.Lost); own != nil {
		return own
	}
	return target.NewError(target.CodePageLost, "", fmt.Sprintf("page %d: %v", e.Page, e.Lost), e.Lost)
}
