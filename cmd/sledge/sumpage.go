package main

import (
	"bytes"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck"
)

// pageOfList holds the records of one page until the page is proven: the verifier
// compares its root before it gives the first record of the next one.
type pageOfList struct {
	prefix  string
	list    *sumList
	page    uint64
	records []*fsck.Record
}

// newPageOfList takes records whose path begins with prefix.
func newPageOfList(l *sumList, prefix string) *pageOfList {
	return &pageOfList{prefix: prefix, list: l}
}

func (p *pageOfList) add(o *fsck.ObjectLine) error {
	if o.Page != p.page {
		if err := p.flush(); err != nil {
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

// flush writes the page's records, which are proven.
func (p *pageOfList) flush() error {
	for _, r := range p.records {
		if err := p.list.fsckRecord(r); err != nil {
			return err
		}
	}
	p.records = p.records[:0]
	return nil
}
