package s3

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
)

var _ target.Examined = (*Bucket)(nil)

// PutAs implements Examined.
func (t *Bucket) PutAs(ctx context.Context, in target.PutAs) error {
	payload := crypto.SumSHA256(in.Content)
	if in.Payload != nil {
		payload = *in.Payload
	}
	a := in.Attributes
	a.StorageClass = in.StorageClass
	put := t.putInput(in.Key, a, in.Metadata)
	put.Body, put.ContentLength = bytes.NewReader(in.Content), aws.Int64(int64(len(in.Content)))
	if in.CRC64NVME != "" {
		put.ChecksumAlgorithm, put.ChecksumCRC64NVME = types.ChecksumAlgorithmCrc64nvme, &in.CRC64NVME
	}
	_, err := t.api().PutObject(ctx, put, signedPayload(payload))
	return s3Error(err, in.Key)
}

// CreateCRC implements Examined.
func (t *Bucket) CreateCRC(ctx context.Context, key string, a target.Attributes) (string, error) {
	create := t.createInput(key, a, nil)
	create.ChecksumAlgorithm, create.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	out, err := t.api().CreateMultipartUpload(ctx, create)
	if err != nil {
		return "", s3Error(err, key)
	}
	return aws.ToString(out.UploadId), nil
}

// FinishCRC implements Examined.
func (t *Bucket) FinishCRC(ctx context.Context, key, uploadID string, content []byte, part, whole string) error {
	out, err := t.api().UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &t.bucket, Key: &key, UploadId: &uploadID, PartNumber: aws.Int32(1), Body: bytes.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumCRC64NVME: &part,
	}, signedPayload(crypto.SumSHA256(content)))
	if err != nil {
		return uploadError(err, key)
	}
	_, err = t.api().CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &t.bucket, Key: &key, UploadId: &uploadID, ChecksumCRC64NVME: &whole, ChecksumType: types.ChecksumTypeFullObject,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: out.ETag, ChecksumCRC64NVME: &part}}},
	})
	return uploadError(err, key)
}

// ObjectLock implements Examined.
func (t *Bucket) ObjectLock(ctx context.Context) (string, error) {
	r, enabled, err := t.retention(ctx)
	switch {
	case err != nil || !enabled:
		return "", err
	case r.Mode == "":
		return "enabled, no default retention", nil
	}
	return "enabled, " + r.String() + " by default", nil
}

// DefaultRetention implements Further.
func (t *Bucket) DefaultRetention(ctx context.Context) (target.Retention, error) {
	r, enabled, err := t.retention(ctx)
	r.Lock = enabled
	return r, err
}

func (t *Bucket) retention(ctx context.Context) (r target.Retention, enabled bool, err error) {
	out, err := t.api().GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &t.bucket})
	if err != nil {
		return r, false, s3Error(err, "")
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return r, false, nil
	}
	if c.Rule != nil && c.Rule.DefaultRetention != nil {
		d := c.Rule.DefaultRetention
		r = target.Retention{Mode: string(d.Mode), Days: aws.ToInt32(d.Days), Years: aws.ToInt32(d.Years)}
	}
	return r, true, nil
}

// ListSome implements Examined.
func (t *Bucket) ListSome(ctx context.Context, prefix string) ([]string, error) {
	out, err := t.api().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &t.bucket, Prefix: &prefix, MaxKeys: aws.Int32(100)})
	if err != nil {
		return nil, s3Error(err, "")
	}
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys, nil
}
