package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// logger tells the packages' remarks to the operator, as warnings and notes.
func (a *app) logger() *slog.Logger { return slog.New(&remarks{a: a}) }

// remarks is a log handler that speaks as the rest of the command does.
type remarks struct {
	a     *app
	attrs []slog.Attr
}

func (r *remarks) Enabled(_ context.Context, level slog.Level) bool {
	return level >= request.LevelNotice
}

func (r *remarks) Handle(_ context.Context, rec slog.Record) error {
	device, text := "", rec.Message
	add := func(attr slog.Attr) bool {
		value := attr.Value.String()
		if attr.Value.Kind() == slog.KindTime {
			value = attr.Value.Time().UTC().Format(time.RFC3339)
		}
		switch attr.Key {
		case "code", "class", "cause", "remedy": // the message has code and cause, or a line before it; remedies come with the end
		case "device":
			device = "device " + value + ": " // of several
		case "do":
			text += ": " + value
		default:
			text += ", " + attr.Key + " " + value
		}
		return true
	}
	for _, attr := range r.attrs {
		add(attr)
	}
	rec.Attrs(add)
	tell := r.a.note
	if rec.Level >= slog.LevelWarn {
		tell = r.a.warn
	}
	tell("%s%s", device, text)
	return nil
}

func (r *remarks) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &remarks{r.a, append(append([]slog.Attr(nil), r.attrs...), attrs...)}
}

func (r *remarks) WithGroup(string) slog.Handler { return r }
