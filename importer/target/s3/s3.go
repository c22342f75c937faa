package s3

import (
	"context"
	"encoding/hex"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sledge-io/sledge/importer/target"
)

// Bucket is a Target by the AWS SDK. It never retries: what an error means for the
// object is decided above, not in the SDK.
type Bucket struct {
	bucket string
	opts   Config
	plain  bool // the profile's NoChecksumHeaders
	client atomic.Pointer[s3.Client]
}

var _ target.Target = (*Bucket)(nil)

// Capabilities implements Further.
func (t *Bucket) Capabilities() target.Capabilities {
	return target.Capabilities{List: true, ListUploads: true, DeleteSeen: true, DefaultRetention: true, Renew: true, Endpoint: true}
}

// Open makes a client of the bucket. It makes no request, unless the
// SDK's own credential chain needs one.
func Open(ctx context.Context, o Config) (*Bucket, error) {
	o = o.WithDefaults()
	if err := o.ResolveEndpoint(ctx); err != nil {
		return nil, err
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	o.loaded = nil // whoever renews it reads it anew, and stays at the endpoint
	t := &Bucket{bucket: o.Bucket, opts: o}
	profile, err := t.opts.TargetProfile()
	if err != nil {
		return nil, err
	}
	t.plain = profile.NoChecksumHeaders
	t.client.Store(client)
	return t, nil
}

// Renew implements Further: configuration, credentials and CA bundle are read
// anew. Calls that are under way end with what they began with. If what is there
// now gives no credentials, the old client stays.
func (t *Bucket) Renew(ctx context.Context) error {
	client, err := newClient(ctx, t.opts)
	if err != nil {
		return err
	}
	if chain := client.Options().Credentials; !t.opts.Anonymous {
		if _, err := chain.Retrieve(ctx); err != nil {
			return credentialsError(err)
		}
	}
	t.client.Store(client)
	return nil
}

// api is the client of the call that begins now.
func (t *Bucket) api() *s3.Client { return t.client.Load() }

// signedPayload signs the body by a hash that is known already: it goes out as
// x-amz-content-sha256, and the SDK neither hashes the body nor sends it unsigned.
func signedPayload(sum [32]byte) func(*s3.Options) {
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SledgePayloadHash",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
				}), middleware.Before)
		})
	}
}

func ifNoneMatch(want bool) *string {
	if want {
		return aws.String("*")
	}
	return nil
}

// checksum is what a write says of its SHA-256: nothing, where the profile says that the
// store refuses these headers.
func (t *Bucket) checksum(sum string) (types.ChecksumAlgorithm, *string, types.ChecksumType) {
	if t.plain {
		return "", nil, ""
	}
	return types.ChecksumAlgorithmSha256, &sum, types.ChecksumTypeComposite
}

func (t *Bucket) checksumMode() types.ChecksumMode {
	if t.plain {
		return ""
	}
	return types.ChecksumModeEnabled
}

// text, moment and legalHold send no header for a zero value.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func legalHold(on bool) types.ObjectLockLegalHoldStatus {
	if on {
		return types.ObjectLockLegalHoldStatusOn
	}
	return ""
}

// Put implements Target.
func (t *Bucket) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	put := t.putInput(in.Key, in.Attributes, in.Metadata)
	algorithm, sum, _ := t.checksum(target.Encode64(in.SHA256[:]))
	put.Body, put.ContentLength, put.ChecksumAlgorithm, put.ChecksumSHA256 = in.Body, &in.Size, algorithm, sum
	put.IfNoneMatch = ifNoneMatch(in.IfAbsent)
	out, err := t.api().PutObject(ctx, put, signedPayload(in.SHA256))
	if err != nil {
		return target.Stored{}, s3Error(err, in.Key)
	}
	return target.Stored{ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId), SHA256: aws.ToString(out.ChecksumSHA256), ChecksumType: string(out.ChecksumType)}, nil
}

// CreateUpload implements Target.
func (t *Bucket) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	create := t.createInput(in.Key, in.Attributes, in.Metadata)
	create.ChecksumAlgorithm, _, create.ChecksumType = t.checksum("")
	out, err := t.api().CreateMultipartUpload(ctx, create)
	if err != nil {
		return "", s3Error(err, in.Key)
	}
	if aws.ToString(out.UploadId) == "" {
		return "", target.Unknown(target.NewError(target.CodeServerError, in.Key, "the answer to Create has no upload id", nil))
	}
	return *out.UploadId, nil
}

// UploadPart implements Target.
func (t *Bucket) UploadPart(ctx context.Context, in target.PartRequest) (string, error) {
	algorithm, sum, _ := t.checksum(target.Encode64(in.SHA256[:]))
	out, err := t.api().UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &t.bucket, Key: &in.Key, UploadId: &in.UploadID, PartNumber: aws.Int32(int32(in.Number)),
		Body: in.Body, ContentLength: &in.Size, ChecksumAlgorithm: algorithm, ChecksumSHA256: sum,
	}, signedPayload(in.SHA256))
	if err != nil {
		return "", uploadError(err, in.Key)
	}
	if aws.ToString(out.ETag) == "" {
		return "", target.Unknown(target.NewError(target.CodeServerError, in.Key, "the answer to UploadPart has no ETag", nil))
	}
	return *out.ETag, nil
}

// CompleteUpload implements Target.
func (t *Bucket) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	parts := make([]types.CompletedPart, len(in.Parts))
	for i, p := range in.Parts {
		_, sum, _ := t.checksum(p.SHA256)
		parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: aws.String(p.ETag), ChecksumSHA256: sum}
	}
	_, composite, ofParts := t.checksum(in.Composite)
	size := &in.Size
	if t.plain {
		size = nil // its header came with those of the checksums
	}
	out, err := t.api().CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &t.bucket, Key: &in.Key, UploadId: &in.UploadID, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		ChecksumSHA256: composite, ChecksumType: ofParts, MpuObjectSize: size,
		IfNoneMatch: ifNoneMatch(in.IfAbsent),
	})
	if err != nil {
		return target.Stored{}, uploadError(err, in.Key)
	}
	kind := string(out.ChecksumType)
	if answer, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok && kind == "" {
		kind = answer.Header.Get("X-Amz-Checksum-Type") // MinIO tells it here, and not in the body as S3 does
	}
	return target.Stored{ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId), SHA256: aws.ToString(out.ChecksumSHA256), ChecksumType: kind}, nil
}

// AbortUpload implements Target.
func (t *Bucket) AbortUpload(ctx context.Context, key, uploadID string) error {
	_, err := t.api().AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &t.bucket, Key: &key, UploadId: &uploadID})
	if err = uploadError(err, key); target.HasCode(err, target.CodeUploadGone) {
		return nil
	}
	return err
}

// ListParts implements Target. A listing that does not go on ends: parts that it does
// not tell are sent again.
func (t *Bucket) ListParts(ctx context.Context, key, uploadID string, f func(target.Part) error) error {
	in := &s3.ListPartsInput{Bucket: &t.bucket, Key: &key, UploadId: &uploadID}
	for last := 0; ; {
		page, err := t.api().ListParts(ctx, in)
		if err != nil {
			return uploadError(err, key)
		}
		for _, p := range page.Parts {
			err := f(target.Part{Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), ETag: aws.ToString(p.ETag), SHA256: aws.ToString(p.ChecksumSHA256)})
			if err != nil {
				return err
			}
		}
		next, _ := strconv.Atoi(aws.ToString(page.NextPartNumberMarker))
		if !aws.ToBool(page.IsTruncated) || next <= last {
			return nil
		}
		last, in.PartNumberMarker = next, page.NextPartNumberMarker
	}
}

// ListUploads implements Target.
func (t *Bucket) ListUploads(ctx context.Context, key string, f func(target.Upload) error) error {
	return t.ListUploadsBelow(ctx, key, func(u target.Upload) error {
		if u.Key != key {
			return nil
		}
		return f(u)
	})
}

// ListUploadsBelow implements Further.
func (t *Bucket) ListUploadsBelow(ctx context.Context, prefix string, f func(target.Upload) error) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &t.bucket, Prefix: &prefix}
	for turns := target.NewLoopGuard(); ; {
		page, err := t.api().ListMultipartUploads(ctx, in)
		if err != nil {
			return s3Error(err, prefix)
		}
		for _, u := range page.Uploads {
			up := target.Upload{Key: aws.ToString(u.Key), ID: aws.ToString(u.UploadId), Initiated: aws.ToTime(u.Initiated)}
			if u.Initiator != nil {
				up.Initiator = aws.ToString(u.Initiator.ID)
			}
			if err := f(up); err != nil {
				return err
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
		if turns.Closes(aws.ToString(in.KeyMarker) + aws.ToString(in.UploadIdMarker)) {
			return target.ListingStuck(prefix)
		}
	}
}

// Head implements Reader.
func (t *Bucket) Head(ctx context.Context, key string) (target.Object, error) {
	out, err := t.api().HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.bucket, Key: &key, ChecksumMode: t.checksumMode()})
	if err != nil {
		return target.Object{}, t.whyNoHead(ctx, key, err)
	}
	return target.Object{
		Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId),
		SHA256: aws.ToString(out.ChecksumSHA256), CRC64NVME: aws.ToString(out.ChecksumCRC64NVME),
		ChecksumType: string(out.ChecksumType), Metadata: out.Metadata,
		Shown: shown(out),
	}, nil
}

// Get implements Reader.
func (t *Bucket) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &t.bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := t.api().GetObject(ctx, in)
	if err != nil {
		return nil, s3Error(err, key)
	}
	return out.Body, nil
}

// Delete implements Target.
func (t *Bucket) Delete(ctx context.Context, key, version string) error {
	in := &s3.DeleteObjectInput{Bucket: &t.bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	_, err := t.api().DeleteObject(ctx, in)
	return s3Error(err, key)
}

// DeleteSeen implements Further.
func (t *Bucket) DeleteSeen(ctx context.Context, key, version, etag string) error {
	in := &s3.DeleteObjectInput{Bucket: &t.bucket, Key: &key, IfMatch: &etag}
	if version != "" {
		in.VersionId = &version
	}
	_, err := t.api().DeleteObject(ctx, in)
	return s3Error(err, key)
}
