package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sledge-io/sledge/importer/target"
)

// maxAttributeParts bounds what is kept of a store's list of parts; S3 has no more.
const maxAttributeParts = 10000

// whyNoHead tells what a HEAD failed by. Its answer has no body, so that 400 alone
// says nothing: of Amazon S3 it may be an expired token, or a request that was too slow.
// A GET of one byte is answered in words. Where it is let through, HEAD is worth
// another try.
func (t *Bucket) whyNoHead(ctx context.Context, key string, err error) error {
	ours := s3Error(err, key)
	if statusOf(err) != http.StatusBadRequest || !target.HasCode(ours, target.CodeRefused) {
		return ours
	}
	out, err := t.api().GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: &key, Range: aws.String("bytes=0-0")})
	switch why := s3Error(err, key); {
	case err == nil:
		out.Body.Close() // it is not asked for what it holds
	case !target.IsNotFound(why) && statusOf(err) != http.StatusRequestedRangeNotSatisfiable:
		return why
	}
	if t.refusesMode(ctx, key) {
		return target.NewError(target.CodeRefused, key, "status 400 to HEAD with x-amz-checksum-mode, and none without", ours)
	}
	return target.NewError(target.CodeConnectionLost, key, "status 400 to HEAD, and GET is let through", ours)
}

// refusesMode reports whether a HEAD fails for no more than that it asks for checksums.
func (t *Bucket) refusesMode(ctx context.Context, key string) bool {
	if t.plain {
		return false
	}
	head := func(mode types.ChecksumMode) int {
		_, err := t.api().HeadObject(ctx, &s3.HeadObjectInput{Bucket: &t.bucket, Key: &key, ChecksumMode: mode})
		if err == nil {
			return http.StatusOK
		}
		return statusOf(err)
	}
	without := head("")
	return (without == http.StatusOK || without == http.StatusNotFound) && head(types.ChecksumModeEnabled) == http.StatusBadRequest
}

// statusOf is the status of the answer that an SDK error was made of; 0 if there is none.
func statusOf(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

// Attributes implements attributesReader. One attempt is as many requests as the
// list of parts has pages.
func (t *Bucket) Attributes(ctx context.Context, key string) (obj target.Object, parts []target.Part, err error) {
	in := &s3.GetObjectAttributesInput{Bucket: &t.bucket, Key: &key, ObjectAttributes: []types.ObjectAttributes{
		types.ObjectAttributesEtag, types.ObjectAttributesChecksum, types.ObjectAttributesObjectParts, types.ObjectAttributesObjectSize}}
	for {
		out, err := t.api().GetObjectAttributes(ctx, in)
		if err != nil {
			return target.Object{}, nil, s3Error(err, key)
		}
		obj = target.Object{Size: aws.ToInt64(out.ObjectSize), ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId)}
		if sum := out.Checksum; sum != nil {
			obj.SHA256, obj.CRC64NVME, obj.ChecksumType = aws.ToString(sum.ChecksumSHA256), aws.ToString(sum.ChecksumCRC64NVME), string(sum.ChecksumType)
		}
		page := out.ObjectParts
		if page == nil {
			return obj, parts, nil
		}
		for _, p := range page.Parts {
			parts = append(parts, target.Part{Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), SHA256: aws.ToString(p.ChecksumSHA256)})
		}
		next := aws.ToString(page.NextPartNumberMarker)
		if !aws.ToBool(page.IsTruncated) || next == "" || next == aws.ToString(in.PartNumberMarker) {
			return obj, parts, nil
		}
		if len(parts) > maxAttributeParts {
			return target.Object{}, nil, target.NewError(target.CodeRefused, key, fmt.Sprintf("the store lists more than %d parts", maxAttributeParts), nil)
		}
		in.PartNumberMarker, in.VersionId = &next, out.VersionId
	}
}

// List implements lister.
func (t *Bucket) List(ctx context.Context, prefix, after string) (page []target.Listed, next string, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &t.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
	if after != "" {
		in.ContinuationToken = &after
	}
	out, err := t.api().ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", s3Error(err, prefix)
	}
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if out.EncodingType == types.EncodingTypeUrl {
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, "", target.NewError(target.CodeServerError, prefix, fmt.Sprintf("the listing has a key that is not URL-encoded: %v", err), err)
			}
		}
		l := target.Listed{Key: key, Size: -1, ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified), Algorithm: algorithms(o.ChecksumAlgorithm)}
		if o.Size != nil {
			l.Size = *o.Size
		}
		page = append(page, l)
	}
	if aws.ToBool(out.IsTruncated) {
		if next = aws.ToString(out.NextContinuationToken); next == "" || next == after {
			return nil, "", target.ListingStuck(prefix)
		}
	}
	return page, next, nil
}

func algorithms(all []types.ChecksumAlgorithm) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
