package ircside

import (
	"errors"
	"fmt"
	"testing"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
)

func utf8Only(b []byte) string { return string(b) }

// Every error numeric that a join, message, nick, kick, topic or mode can get
// on RFC 2812, InspIRCd, UnrealIRCd, Solanum, Ergo or ngIRCd has a kind that
// says something, and the server's words stay.
func TestNumerics(t *testing.T) {
	for _, n := range []int{
		263, 401, 402, 403, 404, 405, 406, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 431, 432, 433, 434, 435, 436, 437, 438, 439, 440,
		441, 442, 443, 447, 448, 451, 455, 460, 461, 462, 463, 464, 465, 467, 468, 470, 471, 472, 473, 474, 475, 476, 477, 478, 479, 480,
		481, 482, 483, 484, 485, 486, 487, 488, 489, 490, 492, 494, 495, 499, 500, 501, 502, 518, 519, 520, 525, 531,
		573, 696, 697, 698, 716, 717, 723, 734, 742, 743, 902, 904, 926, 936, 972, 974, 979,
	} {
		if kind, ok := numericKinds[n]; !ok || kind == bridge.ErrInternal {
			t.Errorf("%d has no kind", n)
		}
		err := &session.ReplyError{Numeric: n, Code: fmt.Sprint(n), Params: []string{"#a", "#b"}, Text: "the \x02server's\x02 words"}
		got := failureOf(err, utf8Only)
		want := bridge.Failure{Kind: numericKinds[n], Text: "the server's words"}
		if n == 470 {
			want.Text = "#b"
		}
		if got != want {
			t.Errorf("%d: %v", n, got)
		}
	}
}

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bridge.ErrorKind
	}{
		{&session.ReplyError{Numeric: 437, Params: []string{"#a"}}, bridge.ErrOffline},
		{&session.ReplyError{Numeric: 437, Params: []string{"nick"}}, bridge.ErrConflict},
		{&session.ReplyError{Numeric: 599}, bridge.ErrPolicy},
		{&session.ReplyError{Code: "INVALID_UTF8"}, bridge.ErrPolicy},
		{&session.ReplyError{Code: "NICKNAME_RESERVED"}, bridge.ErrConflict},
		{&session.ReplyError{Code: "WHAT_EVER"}, bridge.ErrPolicy},
		{&session.Error{Kind: session.Full}, bridge.ErrTooMany},
		{&session.Error{Kind: session.Banned}, bridge.ErrBanned},
		{session.ErrQueueFull, bridge.ErrTooMany},
		{session.ErrNotReady, bridge.ErrOffline},
		{session.ErrTimeout, bridge.ErrTimeout},
		{line.ErrTooLong, bridge.ErrTooLong},
		{line.ErrParam, bridge.ErrBadName},
		{errors.New("else"), bridge.ErrInternal},
	} {
		if got := failureOf(c.err, utf8Only); got.Kind != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
	for kind := session.Lost; kind <= session.Hostile; kind++ {
		if _, ok := sessionKinds[kind]; !ok {
			t.Errorf("session kind %d has no kind", kind)
		}
	}
	for kind, want := range map[session.Kind]bool{session.Lost: false, session.Throttled: false, session.Full: false, session.Banned: true, session.Killed: true, session.BadLogin: true} {
		if got := permanent(&session.Error{Kind: kind}); got != want {
			t.Errorf("session kind %d permanent: %v", kind, got)
		}
	}
}
