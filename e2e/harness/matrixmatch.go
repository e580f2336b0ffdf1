package harness

import (
	"fmt"
	"regexp"
	"strings"
)

// A MatrixMatch says something about an event, as a Match does about a stanza.
type MatrixMatch struct {
	what string
	ok   func(*MatrixEvent) bool
}

// WhereEvent is a match of a kind that isn't below.
func WhereEvent(what string, ok func(*MatrixEvent) bool) MatrixMatch { return MatrixMatch{what, ok} }

// EventType is an event's type.
func EventType(typ string) MatrixMatch {
	return MatrixMatch{typ, func(e *MatrixEvent) bool { return e.Type == typ }}
}

// InRoom is the room that an event is in.
func InRoom(room string) MatrixMatch {
	return MatrixMatch{"in " + room, func(e *MatrixEvent) bool { return e.Room == room }}
}

// Sender is who an event is from.
func Sender(user string) MatrixMatch {
	return MatrixMatch{"from " + user, func(e *MatrixEvent) bool { return e.Sender == user }}
}

// About is the state key of an event.
func About(key string) MatrixMatch {
	return MatrixMatch{"about " + key, func(e *MatrixEvent) bool { return e.StateKey != nil && *e.StateKey == key }}
}

// ContentText is a string in the content at a path of keys.
func ContentText(path, text string) MatrixMatch {
	return MatrixMatch{fmt.Sprintf("%s %q", path, text), func(e *MatrixEvent) bool { return e.Text(path) == text }}
}

// ContentLike is a pattern found in a string in the content.
func ContentLike(path, pattern string) MatrixMatch {
	re := regexp.MustCompile(pattern)
	return MatrixMatch{path + " like " + pattern, func(e *MatrixEvent) bool { return re.MatchString(e.Text(path)) }}
}

// Said is a message of this type ("m.text", "m.emote") and text.
func Said(msgtype, text string) MatrixMatch {
	return MatrixMatch{fmt.Sprintf("%s %q", msgtype, text), func(e *MatrixEvent) bool {
		return e.Type == "m.room.message" && e.Text("msgtype") == msgtype && e.Text("body") == text
	}}
}

// Membership is somebody becoming a member ("join"), being invited, leaving ...
func Membership(user, membership string) MatrixMatch {
	return MatrixMatch{user + " " + membership, func(e *MatrixEvent) bool {
		return e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == user && e.Text("membership") == membership
	}}
}

// OwnMembership is the user's own membership having become this.
func OwnMembership(membership string) MatrixMatch {
	return MatrixMatch{"own membership " + membership, func(e *MatrixEvent) bool {
		return e.Type == "membership" && e.Text("membership") == membership
	}}
}

func fits(e *MatrixEvent, all []MatrixMatch) bool {
	for _, m := range all {
		if !m.ok(e) {
			return false
		}
	}
	return true
}

func describe(all []MatrixMatch) string {
	what := make([]string, len(all))
	for i, m := range all {
		what[i] = m.what
	}
	return strings.Join(what, ", ")
}
