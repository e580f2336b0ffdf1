package session

import (
	"errors"
	"strings"
)

// The ways in which a line or a request is not taken, or not answered.
var (
	// ErrClosed: the session ended, or is ending.
	ErrClosed = errors.New("session: closed")
	// ErrNotReady: registration is not complete.
	ErrNotReady = errors.New("session: not registered yet")
	// ErrQueueFull: flood control holds back as many lines as it may.
	ErrQueueFull = errors.New("session: too many lines waiting")
	// ErrTimeout: the server did not say how a request went.
	ErrTimeout = errors.New("session: the server did not answer in time")
)

// errQuit ends a session whose owner closed it.
var errQuit = errors.New("session: quit")

// Kind is what a program may conclude from the end of a session.
type Kind uint8

// The kinds of an Error.
const (
	Lost        Kind = iota // the connection broke
	Unreachable             // no address could be connected to
	Forbidden               // every address is one that must not be connected to
	BadTLS                  // the certificate is not to be trusted, or TLS does not work
	Timeout                 // the server went silent, or never finished registration
	Banned                  // K-line, G-line and their kin
	Throttled               // connected too often: later it will work
	Full                    // no place for another connection of ours, or of anybody
	BadPassword             // the server password is wrong or missing
	BadLogin                // SASL failed, or is not to be had
	NickTaken               // the nick is in use, and no other may be tried
	BadNick                 // the server does not take such a nick, or no line can hold what we are to say
	Killed                  // an operator removed us
	Refused                 // the server closed the link and said why in words of its own
	Hostile                 // the server does what no server does
)

// Error is why a session ended. Its text is for people, in the server's own
// words where it gave any.
type Error struct {
	Kind Kind
	Text string
	By   string // the operator who removed us, where the server said who
	Err  error  // the cause, for logs; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether trying again, later and unchanged, may help.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case Forbidden, BadTLS, Banned, BadPassword, BadLogin, NickTaken, BadNick:
		return false
	}
	return true
}

// closingWords finds the kind of an ERROR in its text; the first hit counts.
// There is no standard for it (RFC 2812 3.7.4): these are what InspIRCd,
// UnrealIRCd, Solanum, ngIRCd, Ergo and IRCnet say.
var closingWords = []struct {
	word string
	kind Kind
}{
	{"killed", Killed},
	{"throttled", Throttled}, {"too fast", Throttled}, {"reconnecting too", Throttled}, {"try again later", Throttled}, {"flood", Throttled},
	{"too many", Full}, {"no more connections", Full}, {"server is full", Full}, {"server full", Full}, {"max sendq", Lost},
	{"password", BadPassword}, {"access denied by configuration", BadPassword},
	{"sasl", BadLogin}, {"you need to identify", BadLogin}, {"account required", BadLogin},
	{"-line", Banned}, {"lined", Banned}, {"banned", Banned}, {"blacklist", Banned}, {"dnsbl", Banned}, {"not authorized", Banned},
	{"unauthorized connection", Banned},
	{"ping timeout", Timeout}, {"timed out", Timeout}, {"timeout", Timeout},
}

// closingError classifies the text of an ERROR.
func closingError(text string) *Error {
	lower := strings.ToLower(text)
	for _, w := range closingWords {
		if strings.Contains(lower, w.word) {
			return &Error{Kind: w.kind, Text: text}
		}
	}
	return &Error{Kind: Refused, Text: text}
}

// ReplyError is the server's refusal of a request.
type ReplyError struct {
	// Numeric is the number of the reply, 0 for a standard reply (FAIL).
	Numeric int
	// Code is the code of a FAIL ("ACCOUNT_REQUIRED"), else the numeric in digits.
	Code string
	// Params is what stands between the addressee (or, in a FAIL, the
	// code) and the text.
	Params []string
	// Text is the server's explanation, for people, as the bytes it sent.
	Text string
}

func (e *ReplyError) Error() string { return e.Code + " " + e.Text }
