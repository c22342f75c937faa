package importer

// place numbers entries by where their record stands, in manifest order. It is
// the same in every run of a device, on every host.
type place uint64

// recordsPerPage bounds the index of a record in its page (docs/format.md 7.4).
const recordsPerPage = 1 << 10

func placeOf(page uint64, index int) place { return place(page*recordsPerPage + uint64(index)) }

func (e Entry) place() place { return placeOf(e.Raw[0].Page, e.Raw[0].Index) }
