package main

import (
	"context"
	"log/slog"
	"strings"
)

// logger tells the packages' remarks to the operator, as warnings and notes.
func (a *app) logger() *slog.Logger { return slog.New(&remarks{a: a}) }

// remarks is a log handler that speaks as the rest of the command does.
type remarks struct {
	a     *app
	attrs []slog.Attr
}

func (r *remarks) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (r *remarks) Handle(_ context.Context, rec slog.Record) error {
	var b strings.Builder
	b.WriteString(rec.Message)
	add := func(attr slog.Attr) bool {
		switch attr.Key {
		case "code", "class", "remedy": // the message has the code; remedies come with the end
		default:
			b.WriteString(", " + attr.Key + " " + attr.Value.String())
		}
		return true
	}
	for _, attr := range r.attrs {
		add(attr)
	}
	rec.Attrs(add)
	r.a.warn("%s", b.String())
	return nil
}

func (r *remarks) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &remarks{r.a, append(append([]slog.Attr(nil), r.attrs...), attrs...)}
}

func (r *remarks) WithGroup(string) slog.Handler { return r }
