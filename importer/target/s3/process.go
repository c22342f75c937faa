package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/sledge-io/sledge/importer/target"
)

// credentialSources names where the configuration's credentials come from, the first one first.
func credentialSources(cfg aws.Config) []aws.CredentialSource {
	if chain, ok := cfg.Credentials.(*aws.CredentialsCache); ok {
		return chain.ProviderSources()
	}
	return nil
}

// withProcess calls the profile's credential_process with an end of its stderr kept for the
// error. The SDK hands its own stderr to it, past JSON lines and escapes. Where a role is
// assumed with what the process gives, the SDK's way stays.
func withProcess(cfg aws.Config) aws.CredentialsProvider {
	sources := credentialSources(cfg)
	if !slices.Contains(sources, aws.CredentialSourceProcess) || slices.Contains(sources, aws.CredentialSourceSTSAssumeRole) {
		return cfg.Credentials
	}
	for _, source := range cfg.ConfigSources {
		shared, ok := source.(config.SharedConfig)
		if !ok || shared.Source != nil || shared.RoleARN != "" || shared.CredentialProcess == "" {
			continue
		}
		p := &credentialProcess{command: shared.CredentialProcess}
		p.Provider = processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(p.newCommand))
		return aws.NewCredentialsCache(p)
	}
	return cfg.Credentials
}

// credentialProcess is a profile's command that prints credentials.
type credentialProcess struct {
	*processcreds.Provider
	command string

	mu   sync.Mutex
	said *lastWords // of the call that goes on
}

// newCommand is as the SDK makes it, but for stderr.
func (p *credentialProcess) newCommand(ctx context.Context) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", p.command)
	cmd.Stdin, cmd.Stderr = os.Stdin, p.said
	return cmd, nil
}

// Retrieve calls the command. Its error has what the command complained about.
func (p *credentialProcess) Retrieve(ctx context.Context) (aws.Credentials, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = &lastWords{live: terminalOf(os.Stderr)}
	got, err := p.Provider.Retrieve(ctx)
	words := p.said.String()
	if err == nil {
		return got, nil // what it says beside its credentials is nobody's here
	}
	cause := "the credential_process of the AWS profile failed: " + processFault(err)
	if words != "" {
		cause += ": " + words
	}
	return got, advised(target.NewError(target.CodeCredentialsRefused, "", cause, err), remedyProcess)
}

// processFault is what went wrong, without what the process printed: that may be a key.
func processFault(err error) string {
	var exit *exec.ExitError
	switch text := err.Error(); {
	case errors.As(err, &exit):
		return exit.Error()
	case strings.Contains(text, "parse failed of process output"):
		return "it printed no JSON of credentials"
	default:
		return target.Clip(text)
	}
}

// terminalOf is the file if it is a terminal: a command that asks for a code asks there.
func terminalOf(f *os.File) io.Writer {
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return f
	}
	return io.Discard
}

// lastWords keeps the end of what is written, and shows it as it comes.
type lastWords struct {
	live io.Writer
	kept []byte
}

const mostLastWords = 400

// Write implements io.Writer for one writer.
func (w *lastWords) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p...)
	if more := len(w.kept) - mostLastWords; more > 0 {
		w.kept = append([]byte("…"), strings.ToValidUTF8(string(w.kept[more:]), "")...)
	}
	fmt.Fprint(w.live, harmless(string(p), "\n"))
	return len(p), nil
}

// String is the last line, and no terminal obeys it. Lines before it are not kept: a command
// that traces what it does may have a secret there.
func (w *lastWords) String() string {
	lines := strings.FieldsFunc(string(w.kept), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return ""
	}
	return harmless(lines[len(lines)-1], "")
}

// harmless replaces what a terminal would obey, but for the characters of except.
func harmless(text, except string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && !strings.ContainsRune(except, r) {
			return '?'
		}
		return r
	}, text)
}
