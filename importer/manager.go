package importer

import (
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sledge-io/sledge/importer/target"
)

// upload sends a multipart transfer by the SDK's upload manager. It cuts the content and runs parts at once; the decorator
// below gives it what it does not have: the manifest's checksums, resume, a
// journal, retries that look first.
//
// The manager is deprecated in favour of feature/s3/transfermanager, whose
// client interface has the same five calls: the decorator serves both.
func upload(ctx context.Context, t *transfer, concurrency int) error {
	//lint:ignore SA1019 feature/s3/manager is the required library; transfermanager takes this decorator unchanged
	uploader := manager.NewUploader(&uploadClient{t}, func(u *manager.Uploader) {
		u.PartSize = t.action.PartSize
		u.Concurrency = concurrency
		u.LeavePartsOnError = true
		// One more than S3 allows: at exactly the maximum the manager would
		// quietly take larger parts than the manifest has digests for.
		u.MaxUploadParts = manager.MaxUploadParts + 1
		u.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	_, err := uploader.Upload(ctx, &s3.PutObjectInput{ //lint:ignore SA1019 as above
		Bucket: aws.String(t.run.opts.Bucket),
		Key:    aws.String(t.action.Key),
		Body:   io.NewSectionReader(t.content, 0, t.action.Size),
	})
	if t.err != nil {
		return t.err
	}
	if err != nil && !target.IsCanceled(err) {
		return target.AsError(err)
	}
	return err
}

// uploadClient is the manager's client: the five calls, made by the transfer.
// The bodies that the manager cuts are not used: each attempt reads its own.
type uploadClient struct{ t *transfer }

var _ manager.UploadAPIClient = (*uploadClient)(nil)

func (c *uploadClient) PutObject(ctx context.Context, _ *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	stored, err := c.t.put(ctx)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{ETag: aws.String(stored.ETag), VersionId: aws.String(stored.VersionID)}, nil
}

func (c *uploadClient) CreateMultipartUpload(ctx context.Context, _ *s3.CreateMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	id, err := c.t.create(ctx)
	if err != nil {
		return nil, err
	}
	return &s3.CreateMultipartUploadOutput{UploadId: aws.String(id)}, nil
}

func (c *uploadClient) UploadPart(ctx context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	number := int(aws.ToInt32(in.PartNumber))
	etag, err := c.t.part(ctx, number)
	if err != nil {
		return nil, err
	}
	sum := target.Encode64(c.t.action.Parts[number-1][:])
	return &s3.UploadPartOutput{ETag: aws.String(etag), ChecksumSHA256: aws.String(sum)}, nil
}

func (c *uploadClient) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	parts := make([]target.Part, len(in.MultipartUpload.Parts))
	for i, p := range in.MultipartUpload.Parts {
		parts[i] = target.Part{Number: int(aws.ToInt32(p.PartNumber)), ETag: aws.ToString(p.ETag), SHA256: aws.ToString(p.ChecksumSHA256)}
	}
	stored, err := c.t.complete(ctx, parts)
	if err != nil {
		return nil, err
	}
	return &s3.CompleteMultipartUploadOutput{ETag: aws.String(stored.ETag), VersionId: aws.String(stored.VersionID)}, nil
}

// AbortMultipartUpload does nothing: a broken upload is resumed, and one that is
// given up is aborted by the run, which has the journal.
func (c *uploadClient) AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	return &s3.AbortMultipartUploadOutput{}, nil
}
