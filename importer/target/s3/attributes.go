package s3

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sledge-io/sledge/importer/target"
)

// putInput begins a PutObject by what its object gets. Every write of the client begins
// here, or with createInput.
func (t *Bucket) putInput(key string, a target.Attributes, metadata map[string]string) *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: &t.bucket, Key: &key, Metadata: withGiven(metadata, a),
		ContentType: text(a.ContentType), CacheControl: text(a.CacheControl),
		ContentEncoding: text(a.ContentEncoding), ContentDisposition: text(a.ContentDisposition), ContentLanguage: text(a.ContentLanguage),
		StorageClass: types.StorageClass(a.StorageClass), ACL: types.ObjectCannedACL(a.ACL), Tagging: text(a.Tagging()),
		ServerSideEncryption: types.ServerSideEncryption(a.SSE), SSEKMSKeyId: text(a.KMSKeyID), SSEKMSEncryptionContext: text(a.Context()),
		BucketKeyEnabled: onlyTrue(a.BucketKey),
		ObjectLockMode:   types.ObjectLockMode(a.LockMode), ObjectLockRetainUntilDate: moment(a.LockUntil), ObjectLockLegalHoldStatus: legalHold(a.LegalHold),
	}
}

// createInput is putInput for CreateMultipartUpload: TestWritesGiveTheSame compares them.
func (t *Bucket) createInput(key string, a target.Attributes, metadata map[string]string) *s3.CreateMultipartUploadInput {
	put := t.putInput(key, a, metadata)
	return &s3.CreateMultipartUploadInput{
		Bucket: put.Bucket, Key: put.Key, Metadata: put.Metadata,
		ContentType: put.ContentType, CacheControl: put.CacheControl,
		ContentEncoding: put.ContentEncoding, ContentDisposition: put.ContentDisposition, ContentLanguage: put.ContentLanguage,
		StorageClass: put.StorageClass, ACL: put.ACL, Tagging: put.Tagging,
		ServerSideEncryption: put.ServerSideEncryption, SSEKMSKeyId: put.SSEKMSKeyId, SSEKMSEncryptionContext: put.SSEKMSEncryptionContext,
		BucketKeyEnabled: put.BucketKeyEnabled,
		ObjectLockMode:   put.ObjectLockMode, ObjectLockRetainUntilDate: put.ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus: put.ObjectLockLegalHoldStatus,
	}
}

// shown is what an answer to HEAD says of the attributes.
func shown(out *s3.HeadObjectOutput) target.Shown {
	return target.Shown{
		ContentType: aws.ToString(out.ContentType), CacheControl: aws.ToString(out.CacheControl), StorageClass: string(out.StorageClass),
		ContentEncoding: aws.ToString(out.ContentEncoding), ContentDisposition: aws.ToString(out.ContentDisposition), ContentLanguage: aws.ToString(out.ContentLanguage),
		SSE: string(out.ServerSideEncryption), KMSKeyID: aws.ToString(out.SSEKMSKeyId), BucketKey: aws.ToBool(out.BucketKeyEnabled),
		CustomerKeyMD5: aws.ToString(out.SSECustomerKeyMD5), TagCount: int(aws.ToInt32(out.TagCount)), Metadata: out.Metadata,
		LockMode: string(out.ObjectLockMode), LockUntil: aws.ToTime(out.ObjectLockRetainUntilDate),
		LegalHold: out.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn,
	}
}

// withGiven adds the metadata that the rules give to that which the request has.
func withGiven(metadata map[string]string, a target.Attributes) map[string]string {
	if len(a.Metadata) == 0 {
		return metadata
	}
	all := maps.Clone(a.Metadata)
	maps.Copy(all, metadata)
	return all
}

// onlyTrue sends no header for false, which leaves it to the bucket.
func onlyTrue(on bool) *bool {
	if on {
		return &on
	}
	return nil
}
