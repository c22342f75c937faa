package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/manifest"
)

// commit writes the commit marker, if one is wished: the last object, which says
// that all the others are there. One that is there already must be the same.
func (d *endedImport) commit(ctx context.Context, name string) (key string, err error) {
	if name == "" || d.result.Receipts == "" {
		return "", nil
	}
	key = d.o.Prefix + name
	marker, err := importer.CommitMarker(d.o.StateDir, d.result.Receipts, d.jobFile, d.o.ImporterKey)
	if err != nil {
		return "", err
	}
	_, err = d.target.Put(ctx, importer.PutRequest{Key: key, Body: bytes.NewReader(marker), Size: int64(len(marker)), SHA256: crypto.SumSHA256(marker),
		Attributes: importer.Attributes{ContentType: "application/vnd.dsse.envelope.v1+json"}, IfAbsent: !d.o.AllowUnconditional})
	if err == nil {
		return key, nil
	}
	body, getErr := d.target.Get(ctx, key, "")
	if getErr != nil {
		return "", asTargetError(err) // the write's own error says more
	}
	defer body.Close()
	there, getErr := io.ReadAll(io.LimitReader(body, manifest.MaxStatement+1))
	if getErr == nil && bytes.Equal(there, marker) {
		return key, nil
	}
	return "", hint(fmt.Errorf("%w: the commit marker %s is another one", errConflict, key), "it may be of an earlier run; remove it or choose another --commit-marker, then run the same command again")
}

// checkMarker refuses a name that readers or our own rules have a use for.
func (f *importFlags) checkMarker() error {
	if f.marker == "" {
		return nil
	}
	if strings.HasPrefix(f.marker, ".sledge-") || strings.HasSuffix(f.marker, "/") || strings.HasPrefix(f.marker, "/") {
		return usagef("--commit-marker %q: must be a key below the prefix, and not begin with .sledge-", f.marker)
	}
	if problems := manifest.CheckKey(f.marker, manifest.KeyLimits{MaxKey: 1024}); len(problems) > 0 {
		return usagef("--commit-marker %q: %s", f.marker, problems[0].Text)
	}
	return nil
}
