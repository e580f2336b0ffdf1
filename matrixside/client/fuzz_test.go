package client

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"maunium.net/go/mautrix"
)

// Whatever a homeserver answers, people get one short line, and nobody waits
// longer than five minutes.
func FuzzFailure(f *testing.F) {
	f.Add(403, "M_FORBIDDEN", "eventauth: eventauth: You are not invited", "/_matrix/client/v3/join/x", "1", `{"retry_after_ms":1}`)
	f.Add(429, "M_LIMIT_EXCEEDED", "a\nb\x00\xff", "", "Wed, 21 Oct 2015 07:28:00 GMT", `{"retry_after_ms":1e99}`)
	f.Add(0, "", "", "", "-1", "")
	f.Add(500, "", strings.Repeat("é ", 1000), "/_matrix/client/v3/directory/room/#a:b", "NaN", `{"retry_after_ms":"x"}`)
	f.Fuzz(func(t *testing.T, status int, code, text, path, after, extra string) {
		r, err := http.NewRequest("GET", "http://x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path = path
		e := mautrix.HTTPError{Request: r, Response: &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}},
			RespError: &mautrix.RespError{ErrCode: code, Err: text, StatusCode: status}}
		_ = json.Unmarshal([]byte(extra), &e.RespError.ExtraData)
		if _, wait := judge(e); wait < 0 || wait > maxAsked {
			t.Errorf("waits %v", wait)
		}
		got := Failure(e).Text
		if got == "" || len(got) > maxText+len("…") || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("says %q", got)
		}
	})
}
