package sumlist

import (
	"bytes"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck"
)

// Page holds the records of one page until the page is proven: the verifier
// compares its root before it gives the first record of the next one.
type Page struct {
	prefix  string
	list    *List
	page    uint64
	records []*fsck.Record
}

// NewPage takes records whose path begins with prefix.
func NewPage(l *List, prefix string) *Page {
	return &Page{prefix: prefix, list: l}
}

// Add takes a line of the receipts, in their order.
func (p *Page) Add(o *fsck.ObjectLine) error {
	if o.Page != p.page {
		if err := p.Flush(); err != nil {
			return err
		}
		p.page = o.Page
	}
	key := string(o.Record.Path)
	if o.Record.Kind == fsck.KindDirectory {
		key += "/"
	}
	if strings.HasPrefix(key, p.prefix) {
		r := o.Record // of which the line's memory is not kept
		p.records = append(p.records, &fsck.Record{Kind: r.Kind, Path: bytes.Clone(r.Path), Size: r.Size, SHA256: bytes.Clone(r.SHA256)})
	}
	return nil
}

// Flush writes the page's records, which are proven.
func (p *Page) Flush() error {
	for _, r := range p.records {
		if err := p.list.fsckRecord(r); err != nil {
			return err
		}
	}
	p.records = p.records[:0]
	return nil
}
