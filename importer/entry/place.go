package entry

// Place numbers entries by where their record stands, in manifest order. It is
// the same in every run of a device, on every host.
type Place uint64

// recordsPerPage bounds the index of a record in its page (docs/format.md 7.4).
const recordsPerPage = 1 << 10

func PlaceOf(page uint64, index int) Place { return Place(page*recordsPerPage + uint64(index)) }

func (e Entry) Place() Place { return PlaceOf(e.Raw[0].Page, e.Raw[0].Index) }
