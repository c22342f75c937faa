package manifest

import "github.com/sledge-io/sledge/internal/fields"

// Field numbers of the four lists in list form.
const (
	fieldParts   = 15
	fieldCRCs    = 16
	fieldExtents = 17
	fieldXattrs  = 18

	maxInline   = 8192  // list bytes kept in the record itself
	maxItem     = 60000 // bytes of one item
	maxContData = 56000 // list bytes in one continuation record
	// MaxListItems bounds what a reader joins for one entry: 64 TiB in 16 MiB units.
	MaxListItems = 1 << 22
	// MaxXattrs bounds the items of the extended attributes of one entry together.
	MaxXattrs = 1 << 20
	// maxContinuations holds MaxListItems of the longest extents, and all other lists.
	maxContinuations = 4096
)

// XattrSize is what an attribute counts for MaxXattrs: the length of its item.
func XattrSize(name, value int) int {
	if name < 128 {
		return 1 + name + value
	}
	return 2 + name + value
}

var listFields = [4]int{fieldParts, fieldCRCs, fieldExtents, fieldXattrs}

var recordSchema = fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false, 6: false, 7: false, 8: false, 9: false, 10: false,
	11: false, 12: false, 13: true, 15: false, 16: false, 17: true, 18: false, 19: true, 20: false, 21: true, 22: true, 23: false,
	24: true, 25: true, 26: true, 27: true, 34: false, FieldRemark: false, fieldRemarkDetail: false}

var (
	listSchema   = fields.Schema{1: true, 2: false, 3: false}
	extentSchema = fields.Schema{2: true, 3: true, 4: true, 5: true, 8: true}

	recordTable, listTable, extentTable = recordSchema.Table(), listSchema.Table(), extentSchema.Table()
)
