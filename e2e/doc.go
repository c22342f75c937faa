// Package e2e holds no code, but tests that drive the real program as its users
// do: as processes, with files, signals and an S3 server, and no knowledge of its
// insides. TestMain builds it once.
package e2e
