package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix"
)

// maxAsked bounds how long a homeserver can make us wait in one go.
const maxAsked = 5 * time.Minute

// httpError returns what of err is an answer, or the lack of one.
func httpError(err error) (e mautrix.HTTPError, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

// status is the status that the homeserver answered with; 0 if it didn't.
func status(err error) int {
	if e, ok := httpError(err); ok && e.Response != nil {
		return e.Response.StatusCode
	}
	if e, ok := respError(err); ok {
		return e.StatusCode
	}
	return 0
}

func respError(err error) (mautrix.RespError, bool) {
	if e, ok := httpError(err); ok && e.RespError != nil {
		return *e.RespError, true
	}
	var e mautrix.RespError
	ok := errors.As(err, &e)
	return e, ok
}

// code is the errcode of a refusal, "" if there is none.
func code(err error) string {
	e, _ := respError(err)
	return e.ErrCode
}

// judge tells whether a request that ended with err is worth making again,
// and how long the homeserver wants that to take; 0 if it doesn't say.
func judge(err error) (again bool, after time.Duration) {
	switch e, ok := httpError(err); {
	case !ok:
		return false, 0
	case busy(err):
		return true, asked(e)
	case unreachable(err), broken(e):
		return true, 0
	}
	return status(err) >= 500 && status(err) != http.StatusNotImplemented && !vague(err), 0
}

// busy reports whether err asks for patience.
func busy(err error) bool {
	s := status(err)
	return s == http.StatusTooManyRequests ||
		s >= 400 && s < 500 && code(err) == mautrix.MLimitExceeded.ErrCode
}

// asked is how long a busy homeserver wants us to wait. The header counts
// before what it replaced (client-server API §2.3.2).
func asked(e mautrix.HTTPError) time.Duration {
	var wait time.Duration
	if e.Response != nil {
		text := e.Response.Header.Get("Retry-After")
		if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
			wait = time.Duration(min(seconds, maxAsked.Seconds()) * float64(time.Second))
		} else if at, err := http.ParseTime(text); err == nil {
			wait = time.Until(at)
		}
	}
	if e.RespError != nil && wait <= 0 {
		if ms, ok := e.RespError.ExtraData["retry_after_ms"].(float64); ok && ms > 0 {
			wait = time.Duration(min(ms, float64(maxAsked.Milliseconds()))) * time.Millisecond
		}
	}
	return max(0, min(wait, maxAsked))
}

// unreachable reports whether there was no answer of the homeserver: nobody
// was there, or a proxy said so.
func unreachable(err error) bool {
	e, ok := httpError(err)
	if !ok {
		return false
	}
	switch status(err) {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return e.RespError == nil // else the homeserver speaks of somebody else
	case 0:
		return e.WrappedError != nil && e.Request != nil && !errors.Is(err, context.Canceled)
	}
	return false
}

// broken reports whether an answer came, but not whole, or not from a homeserver.
func broken(e mautrix.HTTPError) bool {
	if e.Response == nil || e.WrappedError == nil {
		return false
	}
	if errors.Is(e.WrappedError, mautrix.ErrResponseTooLong) || errors.Is(e.WrappedError, mautrix.ErrBodyReadReachedLimit) {
		return false
	}
	var wrongType *json.UnmarshalTypeError
	return !errors.As(e.WrappedError, &wrongType) && !errors.Is(e.WrappedError, context.Canceled)
}

// answered reports whether the homeserver was there.
func answered(err error) bool { return status(err) != 0 && !unreachable(err) }

// refused reports whether the homeserver doesn't want to do it.
func refused(err error) bool {
	again, _ := judge(err)
	return err != nil && !again && status(err) != 0
}

// already reports whether err says that what was asked for is so already.
func already(err error) bool {
	if s := status(err); s < 400 || s >= 500 {
		return false
	}
	p := path(err)
	switch code(err) {
	case mautrix.MUserInUse.ErrCode:
		return strings.HasSuffix(p, "/register")
	case "M_DUPLICATE_ANNOTATION":
		return true
	case mautrix.MForbidden.ErrCode:
		return strings.HasSuffix(p, "/invite") && says(err, "already in the room", "already joined") ||
			strings.HasSuffix(p, "/leave") && says(err, "not in room", "not in the room")
	case mautrix.MUnknown.ErrCode: // Dendrite
		return strings.HasSuffix(p, "/leave") && says(err, `membership is "leave"`)
	}
	return false
}

// says reports whether the homeserver's words have one of these in them.
func says(err error, any ...string) bool {
	e, _ := respError(err)
	text := strings.ToLower(e.Err)
	return slices.ContainsFunc(any, func(words string) bool { return strings.Contains(text, words) })
}

// vague reports whether err is how Dendrite refuses somebody a restricted
// room, with 500, as if it had failed; or how it says that there is no room by
// that name, or nobody to ban, and both say that another server doesn't know.
func vague(err error) bool {
	switch status(err) {
	case http.StatusInternalServerError:
		return joining(err) || naming(err) || removing(err)
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return naming(err) && !unreachable(err)
	}
	return false
}

// path is that of the request that ended with err.
func path(err error) string {
	if e, ok := httpError(err); ok && e.Request != nil {
		return e.Request.URL.Path
	}
	return ""
}

// joining reports whether the request was one to enter a room.
func joining(err error) bool {
	p := path(err)
	return strings.Contains(p, "/_matrix/client/") && (strings.Contains(p, "/join/") || strings.HasSuffix(p, "/join") ||
		strings.Contains(p, "/knock/"))
}

// removing reports whether the request was about the membership of somebody
// else, and the failure has no name, as those have that pass.
func removing(err error) bool {
	p := path(err)
	return code(err) == "" && strings.Contains(p, "/rooms/") &&
		(strings.HasSuffix(p, "/ban") || strings.HasSuffix(p, "/kick") || strings.HasSuffix(p, "/unban"))
}

// naming reports whether the request gave a room's alias.
func naming(err error) bool {
	p := path(err)
	return strings.Contains(p, "/directory/room/") || joining(err) && strings.Contains(p, "/#")
}
