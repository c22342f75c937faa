package s3

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/sledge-io/sledge/importer/target"
)

// givenOnce marks an error of a call with credentials that this process cannot read anew:
// its environment is that of its start.
type givenOnce struct{ error }

func (e *givenOnce) Unwrap() error { return e.error }

// markGivenOnce marks the errors of a client's calls where the credentials are the
// environment's. Where a role is assumed with those, only the refusal of the role is theirs.
func markGivenOnce(cfg *aws.Config) {
	sources := credentialSources(*cfg)
	if !slices.Contains(sources, aws.CredentialSourceEnvVars) {
		return
	}
	role := slices.Contains(sources, aws.CredentialSourceSTSAssumeRole)
	mark := middleware.InitializeMiddlewareFunc("SledgeGivenOnce",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if err != nil && (!role || unsigned(err)) {
				err = &givenOnce{err}
			}
			return out, meta, err
		})
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error { return stack.Initialize.Add(mark, middleware.Before) })
}

// remedyGiven gives an error about such credentials the remedy that helps.
func remedyGiven(e *target.Error) {
	if once := (*givenOnce)(nil); !errors.As(e.Err, &once) || e.Remedy == remedyGivenOnce {
		return
	}
	switch e.Code {
	case target.CodeCredentialsExpired:
		e.Cause += ": they are of this process's environment, so the run cannot go on by itself"
		e.Remedy = remedyGivenOnce
	case target.CodeCredentialsRefused:
		e.Remedy = remedyRefusedOnce
	}
}

// Endless reports whether waiting for new credentials would be in vain.
func Endless(e *target.Error) bool {
	var once *givenOnce
	return e.Code == target.CodeCredentialsExpired && errors.As(e.Err, &once)
}
