package wire

import "strings"

// Condition is a defined stanza error condition (RFC 6120 §8.3.3).
type Condition string

// The defined conditions.
const (
	ConditionBadRequest            Condition = "bad-request"
	ConditionConflict              Condition = "conflict"
	ConditionFeatureNotImplemented Condition = "feature-not-implemented"
	ConditionForbidden             Condition = "forbidden"
	ConditionGone                  Condition = "gone"
	ConditionInternalServerError   Condition = "internal-server-error"
	ConditionItemNotFound          Condition = "item-not-found"
	ConditionJIDMalformed          Condition = "jid-malformed"
	ConditionNotAcceptable         Condition = "not-acceptable"
	ConditionNotAllowed            Condition = "not-allowed"
	ConditionNotAuthorized         Condition = "not-authorized"
	ConditionPolicyViolation       Condition = "policy-violation"
	ConditionRecipientUnavailable  Condition = "recipient-unavailable"
	ConditionRedirect              Condition = "redirect"
	ConditionRegistrationRequired  Condition = "registration-required"
	ConditionRemoteServerNotFound  Condition = "remote-server-not-found"
	ConditionRemoteServerTimeout   Condition = "remote-server-timeout"
	ConditionResourceConstraint    Condition = "resource-constraint"
	ConditionServiceUnavailable    Condition = "service-unavailable"
	ConditionSubscriptionRequired  Condition = "subscription-required"
	ConditionUndefined             Condition = "undefined-condition"
	ConditionUnexpectedRequest     Condition = "unexpected-request"
)

// conditionTypes are the error types (RFC 6120 §8.3.2) that go with the
// conditions.
var conditionTypes = map[Condition]string{
	ConditionBadRequest:            "modify",
	ConditionConflict:              "cancel",
	ConditionFeatureNotImplemented: "cancel",
	ConditionForbidden:             "auth",
	ConditionGone:                  "cancel",
	ConditionInternalServerError:   "cancel",
	ConditionItemNotFound:          "cancel",
	ConditionJIDMalformed:          "modify",
	ConditionNotAcceptable:         "modify",
	ConditionNotAllowed:            "cancel",
	ConditionNotAuthorized:         "auth",
	ConditionPolicyViolation:       "modify",
	ConditionRecipientUnavailable:  "wait",
	ConditionRedirect:              "modify",
	ConditionRegistrationRequired:  "auth",
	ConditionRemoteServerNotFound:  "cancel",
	ConditionRemoteServerTimeout:   "wait",
	ConditionResourceConstraint:    "wait",
	ConditionServiceUnavailable:    "cancel",
	ConditionSubscriptionRequired:  "auth",
	ConditionUndefined:             "cancel",
	ConditionUnexpectedRequest:     "wait",
}

// StanzaError is why a stanza was not acted upon (RFC 6120 §8.3).
type StanzaError struct {
	// Type is auth, cancel, continue, modify or wait; empty for the one that
	// goes with the condition.
	Type      string
	Condition Condition
	// URI is where the recipient is now, for gone and redirect.
	URI string
	// Text is for people.
	Text string
	// By is who found the error, if not the stanza's sender.
	By string
	// App is a condition of an extension's own (RFC 6120 §8.3.4): an element,
	// already XML. It is not read from errors that come in.
	App string
}

func (e StanzaError) Error() string {
	if e.Text == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Text
}

// AppendError appends the <error/> element.
func AppendError(b []byte, e StanzaError) []byte {
	if e.Type == "" {
		e.Type = conditionTypes[e.Condition]
	}
	b = append(b, "<error"...)
	b = AppendField(b, " type='", e.Type)
	b = AppendField(b, " by='", e.By)
	b = append(append(b, "><"...), e.Condition...)
	b = append(b, " xmlns='"+NSStanzas+"'"...)
	if e.URI == "" {
		b = append(b, "/>"...)
	} else {
		b = AppendText(append(b, '>'), e.URI)
		b = append(append(append(b, "</"...), e.Condition...), '>')
	}
	if e.Text != "" {
		b = append(b, "<text xmlns='"+NSStanzas+"'>"...)
		b = AppendText(b, e.Text)
		b = append(b, "</text>"...)
	}
	b = append(b, e.App...)
	return append(b, "</error>"...)
}

// AppendErrorReply appends the answer to a stanza with that header. It must
// not be given an error or a result: those are never answered (RFC 6120 §8.3.1).
func AppendErrorReply(b []byte, h Header, e StanzaError) []byte {
	b = AppendOpen(b, h.Reply("error"))
	b = AppendError(b, e)
	return AppendClose(b, h.Kind)
}

// maxErrorText bounds what is taken of an error's texts, in bytes: whoever
// sent it may have written much, and escaped it may be more.
const maxErrorText = 1024

// Err returns the error that a stanza of type "error" carries, as far as it is
// one of those that RFC 6120 §8.3 defines.
func (s Stanza) Err() StanzaError {
	found, _ := s.Child(NSComponent, "error")
	e := StanzaError{By: found.Attr("by"), Condition: ConditionUndefined}
	switch t := found.Attr("type"); t {
	case "auth", "cancel", "continue", "modify", "wait":
		e.Type = t
	}
	for c := range found.Children() {
		_, defined := conditionTypes[Condition(c.Local)]
		switch {
		case c.Space != NSStanzas:
		case c.Local == "text":
			e.Text = cut(c.Text())
		case defined:
			e.Condition = Condition(c.Local)
			e.URI = cut(c.Text())
		}
	}
	return e
}

// cut shortens s to maxErrorText, between characters.
func cut(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorText], "")
}
