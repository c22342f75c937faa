// Package target declares what an import needs of a bucket, and the words for it: the Target
// and its capabilities, error codes with their classes and remedies, profiles of stores,
// attributes of objects, addresses.
//
// It makes no request and knows no SDK: importer/target/s3 does. Whoever implements Target
// makes one attempt a call and never retries. It imports no other part of the importer.
package target
