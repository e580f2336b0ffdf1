package client

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"maunium.net/go/mautrix"

	"isthmus/bridge"
)

// maxText is how long the homeserver's words to people may be, in bytes.
const maxText = 400

// kinds are what errcodes mean where the status says no more than that the
// request was refused (client-server API §2.2, "Standard error response").
var kinds = map[string]bridge.ErrorKind{
	"M_NOT_FOUND":                       bridge.ErrNotFound,
	"M_UNRECOGNIZED":                    bridge.ErrUnsupported,
	"M_TOO_LARGE":                       bridge.ErrTooLong,
	"M_USER_DEACTIVATED":                bridge.ErrGone,
	"M_ROOM_IN_USE":                     bridge.ErrConflict,
	"M_BAD_STATE":                       bridge.ErrConflict,
	"M_INVALID_USERNAME":                bridge.ErrBadName,
	"M_EXCLUSIVE":                       bridge.ErrPolicy,
	"M_CONSENT_NOT_GIVEN":               bridge.ErrPolicy,
	"M_RESOURCE_LIMIT_EXCEEDED":         bridge.ErrPolicy,
	"M_CANNOT_LEAVE_SERVER_NOTICE_ROOM": bridge.ErrPolicy,
	"M_UNSUPPORTED_ROOM_VERSION":        bridge.ErrUnsupported,
	"M_INCOMPATIBLE_ROOM_VERSION":       bridge.ErrUnsupported,
	"M_UNABLE_TO_AUTHORISE_JOIN":        bridge.ErrMembersOnly,
	"M_UNABLE_TO_GRANT_JOIN":            bridge.ErrMembersOnly,
}

// forbids are the errcodes of what one may not do. Synapse says that a banned
// user is in a bad state.
var forbids = []string{mautrix.MForbidden.ErrCode, mautrix.MBadState.ErrCode, ""}

// hints tell refusals apart that have one errcode, by words that Synapse and
// Dendrite use; the first that fits counts.
var hints = []struct {
	words string // lower case
	kind  bridge.ErrorKind
	where func(path string) bool // nil: everywhere
}{
	{"banned from", bridge.ErrBanned, nil},
	{"is banned", bridge.ErrBanned, nil},
	{`from "ban"`, bridge.ErrBanned, nil}, // Dendrite: not allowed to change their membership from "ban" to "join"
	{"been banned", bridge.ErrBanned, nil},
	{"was banned", bridge.ErrBanned, nil},
	{"required rooms", bridge.ErrMembersOnly, nil}, // "You do not belong to any of the required rooms/spaces"
	{"not invited", bridge.ErrMembersOnly, nil},
	{"invite", bridge.ErrMembersOnly, isJoin},
	{"not in room", bridge.ErrNotInRoom, nil},
	{"not in the room", bridge.ErrNotInRoom, nil},
	{"not joined", bridge.ErrNotInRoom, nil},
	{"not belong to room", bridge.ErrNotInRoom, nil},
	{"not a member", bridge.ErrNotInRoom, nil},
	{"not currently joined", bridge.ErrNotInRoom, nil},
	{"", bridge.ErrMembersOnly, isJoin},
	{"", bridge.ErrNoVoice, func(path string) bool { return strings.Contains(path, "/send/") }},
}

func isJoin(path string) bool {
	return strings.Contains(path, "/join") || strings.Contains(path, "/knock")
}

// Failure is what an error of Do, Once or Stream means to whoever asked.
func Failure(err error) bridge.Failure {
	switch {
	case err == nil:
		return bridge.Failure{Kind: bridge.ErrInternal}
	case busy(err):
		return failure(err, bridge.ErrTooFast, "The homeserver asks for more patience.")
	case vague(err) && naming(err):
		return bridge.Failure{Kind: bridge.ErrNotFound, Text: "There is no such room on Matrix, or its server can't be reached."}
	case vague(err) && removing(err):
		return bridge.Failure{Kind: bridge.ErrNotFound, Text: "There is nobody of that name on Matrix."}
	case vague(err):
		return failure(err, bridge.ErrMembersOnly, "The homeserver did not let you in; the room may be for members of another room only.")
	case unreachable(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return bridge.Failure{Kind: bridge.ErrOffline, Text: "The Matrix homeserver can't be reached at the moment."}
	}
	switch s := status(err); {
	case s == 0:
		return bridge.Failure{Kind: bridge.ErrInternal, Text: "The bridge could not do that on Matrix."}
	case s >= 500 || s < 300:
		return bridge.Failure{Kind: bridge.ErrOffline, Text: "The Matrix homeserver can't do that at the moment."}
	case s == http.StatusUnauthorized:
		return bridge.Failure{Kind: bridge.ErrInternal,
			Text: "The Matrix homeserver does not know the bridge; its administrator has to set it up."}
	case s == http.StatusRequestEntityTooLarge:
		return failure(err, bridge.ErrTooLong, "That is too long for Matrix.")
	case s == http.StatusForbidden && slices.Contains(forbids, code(err)):
		return failure(err, forbidden(err), "The Matrix homeserver does not allow that.")
	case s == http.StatusMethodNotAllowed:
		return failure(err, bridge.ErrUnsupported, "The Matrix homeserver can't do that.")
	}
	if kind, ok := kinds[code(err)]; ok {
		return failure(err, kind, "The Matrix homeserver refused that.")
	}
	if status(err) == http.StatusNotFound {
		return failure(err, bridge.ErrNotFound, "There is no such thing on Matrix.")
	}
	return failure(err, bridge.ErrInternal, "The Matrix homeserver refused that.")
}

// forbidden is what a refusal with M_FORBIDDEN means.
func forbidden(err error) bridge.ErrorKind {
	e, _ := respError(err)
	text, at := strings.ToLower(e.Err), path(err)
	for _, hint := range hints {
		if strings.Contains(text, hint.words) && (hint.where == nil || hint.where(at)) {
			return hint.kind
		}
	}
	return bridge.ErrNoPrivileges
}

// internals are what Dendrite puts before its words.
var internals = regexp.MustCompile(`^(InputRoomEventsResponse: |eventauth: |gomatrixserverlib: )+`)

// failure has the homeserver's own words, or ours where it has none.
func failure(err error, kind bridge.ErrorKind, ours string) bridge.Failure {
	e, _ := respError(err)
	text := tidy(internals.ReplaceAllString(e.Err, ""))
	if text == "" {
		text = ours
	}
	return bridge.Failure{Kind: kind, Text: text}
}

// tidy makes one short line of a text.
func tidy(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " "), "")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
