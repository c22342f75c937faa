package probe

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// measure takes the figures. A call that is too slow costs its figure: it answers no question.
func (p *targetProbe) measure(ctx context.Context) {
	p.step("latency")
	p.latency(ctx)
	if ctx.Err() == nil {
		p.step("throughput")
		p.throughput(ctx)
	}
}

func (p *targetProbe) latency(ctx context.Context) {
	var took []float64
	for range probeHeads {
		began := time.Now()
		if _, err := p.head(ctx, "absent"); err != nil && !target.IsNotFound(err) {
			return
		}
		took = append(took, time.Since(began).Seconds()*1000)
	}
	p.out.LatencyMillis = median(took)
}

// throughput sends parts of one upload and reads their object.
func (p *targetProbe) throughput(ctx context.Context) {
	bytes := make([]byte, probePart)
	noise := rand.New(rand.NewPCG(1, 2)) // nothing that a store could compress
	for i := 0; i < len(bytes); i += 8 {
		v := noise.Uint64()
		for j := range 8 {
			bytes[i+j] = byte(v >> (8 * j))
		}
	}
	key, sum := p.key("throughput"), crypto.SumSHA256(bytes)
	var id string
	err := p.as(ctx, request.CreateMultipartUpload, func(ctx context.Context) (err error) {
		id, err = p.create(ctx, key)
		p.begun(key, id, err)
		return err
	})
	if err != nil {
		return
	}
	var up, down []float64
	var parts []target.Part
	var sums [][32]byte
	for n := 1; n <= probeParts; n++ {
		var began time.Time
		var etag string
		err := p.sized(ctx, request.UploadPart, probePart, func(ctx context.Context) (err error) {
			b := content.NewBody(content.Inline(bytes), 0, probePart).Watched(request.ClockOf(ctx))
			began = time.Now()
			etag, err = p.target.UploadPart(ctx, target.PartRequest{Key: key, UploadID: id, Number: n, Body: b, Size: probePart, SHA256: sum})
			return errors.Join(err, b.Detach())
		})
		if err != nil {
			return
		}
		up = append(up, probePart/time.Since(began).Seconds())
		parts, sums = append(parts, target.Part{Number: n, ETag: etag, SHA256: target.Encode64(sum[:])}), append(sums, sum)
	}
	p.out.UpBytes = median(up)
	err = p.sized(ctx, request.CompleteMultipartUpload, request.CompleteTime, func(ctx context.Context) error {
		_, err := p.target.CompleteUpload(ctx, target.CompleteRequest{Key: key, UploadID: id, Size: probeParts * probePart, Parts: parts, Composite: content.Composite(sums)})
		return err
	})
	if err != nil {
		return
	}
	err = p.sized(ctx, request.GetObject, probeParts*probePart, func(ctx context.Context) error {
		down = nil
		body, err := request.Get(ctx, p.target, key, "")
		if err != nil {
			return err
		}
		defer body.Close() // read only
		for range probeParts {
			began := time.Now()
			if _, err := io.CopyN(io.Discard, body, probePart); err != nil {
				return target.Unknown(target.NewError(target.CodeConnectionLost, key, err.Error(), err))
			}
			down = append(down, probePart/time.Since(began).Seconds())
		}
		return nil
	})
	if err == nil {
		p.out.DownBytes = median(down)
	}
}

// sized makes a probe's call with a payload.
func (p *targetProbe) sized(ctx context.Context, name string, payload int64, f func(context.Context) error) error {
	return p.calls.Idempotent(ctx, request.Call{Name: name, Key: p.prefix, Aside: true, Payload: payload}, f)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
