package importer

import "context"

// Renewer is a Target that can read its configuration anew while calls are
// running, so that a run which waits for renewed credentials goes on by itself.
type Renewer interface {
	// Renew takes up what the environment, the shared files or SSO give now.
	// An error leaves everything as it was.
	Renew(ctx context.Context) error
}
