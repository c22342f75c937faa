package audit

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/manifest"
)

// Device is one device's receipts, and what was found of them.
type Device struct {
	Receipts            string              `json:"receipts"` // folder
	*fsck.ReceiptReport                     // nil: no disks, the list was believed as it is
	Store               *ObjectReport       `json:"store,omitempty"`
	Listing             *ListingReport      `json:"listing,omitempty"`
	Canceled            *receipt.CancelMark `json:"canceled,omitempty"` // the run was given up

	objects uint64 // that the list says are in the store
	other   bool   // the objects are in another target than the job's
}

// list opens the device's objects.list. Where it was verified before, its end is an error
// if it is not that list any more.
func (d *Device) list() (io.ReadCloser, error) {
	f, err := files.OpenIn(d.Receipts, "objects.list")
	if err != nil || d.ReceiptReport == nil {
		return f, err
	}
	return &sameList{f, sha256.New(), filepath.Join(d.Receipts, "objects.list"), d.ListSHA256}, nil
}

// sameList is a list that has to be the one that was verified.
type sameList struct {
	io.ReadCloser
	sum  hash.Hash
	name string
	want string // SHA-256 in hexadecimal
}

func (l *sameList) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(l.sum.Sum(nil)) != l.want {
		return n, errChanged(l.name)
	}
	return n, err
}

func errChanged(name string) error {
	return advice.Hint(fmt.Errorf("%w: %s is not what was verified a moment ago: somebody changes it", verdict.ErrRefused, name), "copy the receipts where nobody writes, and verify the copy")
}

// count fills objects: from what was proven, or from the list itself.
func (d *Device) count() error {
	if d.ReceiptReport != nil {
		d.objects = uint64(d.Outcomes["stored"] + d.Outcomes["already-there"])
		return nil
	}
	list, err := d.list()
	if err != nil {
		return err
	}
	defer list.Close()
	d.objects, err = CountObjects(bufio.NewReader(list))
	return err
}

// Total reads the total that was verified, under the importer keys of the job.
func (d *Device) Total(job *manifest.Job) (total receipt.Total, err error) {
	name := filepath.Join(d.Receipts, "total.dsse")
	env, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return total, err
	}
	if sum := sha256.Sum256(env); d.ReceiptReport != nil && hex.EncodeToString(sum[:]) != d.TotalSHA256 {
		return total, errChanged(name)
	}
	var keys []ed25519.PublicKey
	for _, key := range job.Roles.Importer {
		keys = append(keys, key.PublicKey)
	}
	if _, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, keys...); err != nil {
		return total, errors.Join(verdict.ErrRefused, err)
	}
	return total, nil
}

// CanceledError is that of receipts of a run that was given up.
func CanceledError(receipts string, mark *receipt.CancelMark) error {
	return keyless.CanceledError(receipts, mark.Run)
}
