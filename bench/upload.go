package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// The bare uploader is what an import would be if there were nothing to open,
// decode, decrypt or prove: the plain files, by the same client and requests.

// partSize, objectsAtOnce, partsAtOnce and requestsAtOnce are the importer's
// defaults.
const (
	partSize       = 16 * mib
	objectsAtOnce  = 16
	partsAtOnce    = 4
	requestsAtOnce = 64
)

// summed is one object with the digests that a manifest would have.
type summed struct {
	Path  string     `json:"path"` // a folder's ends in a slash
	Size  int64      `json:"size"`
	Parts [][32]byte `json:"parts"`
}

// runSums writes the digests of a tree; no part of a measured run.
func runSums(ctx context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("sums", flag.ContinueOnError)
	source, out := flags.String("source", "", ""), flags.String("out", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	err = filepath.WalkDir(*source, func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || name == *source {
			return err
		}
		rel, err := filepath.Rel(*source, name)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return enc.Encode(summed{Path: rel + "/", Parts: [][32]byte{sha256.Sum256(nil)}})
		case !e.Type().IsRegular():
			return nil
		}
		s, err := sumFile(name)
		if err != nil {
			return err
		}
		s.Path = rel
		return enc.Encode(s)
	})
	return errors.Join(err, f.Close())
}

func sumFile(name string) (s summed, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, err
	}
	defer f.Close()
	for {
		h := sha256.New()
		n, err := io.CopyN(h, f, partSize)
		if n > 0 || s.Size == 0 && len(s.Parts) == 0 {
			s.Parts = append(s.Parts, [32]byte(h.Sum(nil)))
		}
		s.Size += n
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}

type uploader struct {
	target         *s3.Bucket
	source, prefix string
	head           bool
	requests       chan struct{} // one token for each request under way
}

// runUpload is the measured child.
func runUpload(ctx context.Context, args []string, _ io.Writer) error {
	u := uploader{requests: make(chan struct{}, requestsAtOnce)}
	o := importer.Options{Config: s3.Config{PathStyle: true}}
	flags := flag.NewFlagSet("upload", flag.ContinueOnError)
	sums := flags.String("sums", "", "")
	flags.StringVar(&u.source, "source", "", "")
	flags.StringVar(&u.prefix, "prefix", "", "")
	flags.BoolVar(&u.head, "head", false, "")
	flags.StringVar(&o.Endpoint, "endpoint", "", "")
	flags.StringVar(&o.Bucket, "bucket", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	list, err := os.Open(*sums)
	if err != nil {
		return err
	}
	defer list.Close()
	if u.target, err = importer.NewS3(ctx, o); err != nil {
		return err
	}
	work := make(chan summed)
	errs := make([]error, objectsAtOnce)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for s := range work {
				if errs[i] == nil {
					errs[i] = u.object(ctx, s)
				}
			}
		})
	}
	for dec := json.NewDecoder(list); err == nil; {
		var s summed
		if err = dec.Decode(&s); err == nil {
			work <- s
		}
	}
	close(work)
	wg.Wait()
	if err == io.EOF {
		err = nil
	}
	return errors.Join(append(errs, err)...)
}

func (u *uploader) object(ctx context.Context, s summed) error {
	content, meta, err := u.open(s)
	if err != nil {
		return err
	}
	if content != nil {
		defer content.Close()
	}
	key := u.prefix + s.Path
	if len(s.Parts) == 1 {
		err = u.do(func() error {
			_, err := u.target.Put(ctx, target.PutRequest{Key: key, Body: section(content, 0, s.Size), Size: s.Size, SHA256: s.Parts[0], Metadata: meta, IfAbsent: true})
			return err
		})
	} else {
		err = u.multipart(ctx, key, s, content, meta)
	}
	if err != nil || !u.head {
		return err
	}
	return u.do(func() error {
		_, err := u.target.Head(ctx, key)
		return err
	})
}

// open opens the file, and makes metadata of the size and names that an import sends.
func (u *uploader) open(s summed) (*os.File, map[string]string, error) {
	name := filepath.Join(u.source, s.Path)
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	meta := map[string]string{
		"sledge-entry": "00000000000000000000000000000000/00000000000000000000000000000000/1/100/100", "sledge-run": "run-1",
		"file-permissions": "0100644", "file-owner": "0", "file-group": "0", "file-mtime": fmt.Sprintf("%dns", info.ModTime().UnixNano()),
		"mtime": fmt.Sprintf("%d.%09d", info.ModTime().Unix(), info.ModTime().Nanosecond()), "mode": "100644", "uid": "0", "gid": "0",
	}
	if info.IsDir() {
		return nil, meta, nil
	}
	f, err := os.Open(name)
	return f, meta, err
}

func section(f *os.File, from, size int64) io.ReadSeeker {
	if f == nil {
		return io.NewSectionReader(nil, 0, 0)
	}
	return io.NewSectionReader(f, from, size)
}

func (u *uploader) do(call func() error) error {
	u.requests <- struct{}{}
	defer func() { <-u.requests }()
	return call()
}

func (u *uploader) multipart(ctx context.Context, key string, s summed, f *os.File, meta map[string]string) error {
	var id string
	err := u.do(func() (err error) {
		id, err = u.target.CreateUpload(ctx, target.CreateRequest{Key: key, Metadata: meta})
		return err
	})
	if err != nil {
		return err
	}
	parts, errs := make([]target.Part, len(s.Parts)), make([]error, len(s.Parts))
	next := make(chan int)
	var wg sync.WaitGroup
	for range partsAtOnce {
		wg.Go(func() {
			for i := range next {
				from := int64(i) * partSize
				size := min(partSize, s.Size-from)
				errs[i] = u.do(func() error {
					etag, err := u.target.UploadPart(ctx, target.PartRequest{Key: key, UploadID: id, Number: i + 1, Body: section(f, from, size), Size: size, SHA256: s.Parts[i]})
					parts[i] = target.Part{Number: i + 1, Size: size, ETag: etag, SHA256: base64.StdEncoding.EncodeToString(s.Parts[i][:])}
					return err
				})
			}
		})
	}
	for i := range parts {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return u.do(func() error {
		_, err := u.target.CompleteUpload(ctx, target.CompleteRequest{Key: key, UploadID: id, Parts: parts, Size: s.Size, Composite: composite(s.Parts), IfAbsent: true})
		return err
	})
}

// composite is S3's SHA-256 of an object in parts.
func composite(parts [][32]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p[:])
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts))
}
