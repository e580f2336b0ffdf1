package fakehs

import (
	"fmt"
	"time"
)

// Error is a refusal, as the API says it.
type Error struct {
	Status int
	Code   string // "M_FORBIDDEN" ...
	Text   string
	Retry  time.Duration // retry_after_ms, of M_LIMIT_EXCEEDED
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Text) }

func (e *Error) body() map[string]any {
	body := map[string]any{"errcode": e.Code, "error": e.Text}
	if e.Retry > 0 {
		body["retry_after_ms"] = e.Retry.Milliseconds()
	}
	return body
}

func forbidden(format string, args ...any) error {
	return &Error{Status: 403, Code: "M_FORBIDDEN", Text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Status: 404, Code: "M_NOT_FOUND", Text: fmt.Sprintf(format, args...)}
}

func bad(code, format string, args ...any) error {
	return &Error{Status: 400, Code: code, Text: fmt.Sprintf(format, args...)}
}

func unrecognized() error {
	return &Error{Status: 404, Code: "M_UNRECOGNIZED", Text: "Unrecognized request"}
}
