package harness

import (
	"fmt"
	"regexp"
	"strings"
)

// A Match says something about a stanza; Expect waits for one of which all are true.
type Match struct {
	what string
	ok   func(*Element) bool
}

// Where is a match of a kind that isn't below.
func Where(what string, ok func(*Element) bool) Match { return Match{what, ok} }

// Kind is a stanza's name and type: "message/groupchat", "presence/", "iq/result".
// An available presence or a normal message has no type.
func Kind(kind string) Match {
	name, typ, _ := strings.Cut(kind, "/")
	return Where(kind, func(e *Element) bool { return e.Name == name && e.Attr["type"] == typ })
}

// From is the sender's whole JID. Case counts.
func From(jid string) Match { return attribute("from", jid) }

// To is the receiver's whole JID.
func To(jid string) Match { return attribute("to", jid) }

// ID is the stanza's id.
func ID(id string) Match { return attribute("id", id) }

func attribute(name, value string) Match {
	return Where(fmt.Sprintf("%s=%q", name, value), func(e *Element) bool { return e.Attr[name] == value })
}

// Body is the whole body of a message.
func Body(text string) Match {
	return Where(fmt.Sprintf("body %q", text), func(e *Element) bool {
		body := e.Find("body")
		return body != nil && body.Text == text
	})
}

// BodyLike is a body in which the pattern is found.
func BodyLike(pattern string) Match {
	re := regexp.MustCompile(pattern)
	return Where("body like "+pattern, func(e *Element) bool {
		body := e.Find("body")
		return body != nil && re.MatchString(body.Text)
	})
}

// Subject is a message with this subject and no body (XEP-0045 §7.2.15).
func Subject(text string) Match {
	return Where(fmt.Sprintf("subject %q", text), func(e *Element) bool {
		subject := e.Find("subject")
		return subject != nil && e.Find("body") == nil && subject.Text == text
	})
}

// Code is a status code of XEP-0045.
func Code(code string) Match {
	return Where("status "+code, func(e *Element) bool { return hasCode(e, code) })
}

// NoCode is the absence of a status code.
func NoCode(code string) Match {
	return Where("no status "+code, func(e *Element) bool { return !hasCode(e, code) })
}

func hasCode(e *Element, code string) bool {
	x := e.In(nsMUCUser)
	if x == nil {
		return false
	}
	for _, s := range x.All("status") {
		if s.Attr["code"] == code {
			return true
		}
	}
	return false
}

// Item is an attribute of the occupant's item: affiliation, role, nick, jid.
func Item(name, value string) Match {
	return Where(fmt.Sprintf("item %s=%q", name, value), func(e *Element) bool {
		x := e.In(nsMUCUser)
		return x != nil && x.Find("item") != nil && x.Find("item").Attr[name] == value
	})
}

// Reason is the reason in the occupant's item, of a kick or a ban.
func Reason(text string) Match {
	return Where(fmt.Sprintf("reason %q", text), func(e *Element) bool {
		x := e.In(nsMUCUser)
		return x != nil && x.TextOf("item/reason") == text
	})
}

// Condition is a stanza error of this defined condition (RFC 6120 §8.3.3).
func Condition(name string) Match {
	return Where("error "+name, func(e *Element) bool {
		return e.Attr["type"] == "error" && e.Find("error/"+name) != nil
	})
}

// Child is a direct child by name and namespace.
func Child(name, space string) Match {
	return Where(fmt.Sprintf("child {%s}%s", space, name), func(e *Element) bool {
		for _, c := range e.Children {
			if c.Name == name && c.Space == space {
				return true
			}
		}
		return false
	})
}

// TextAt is the text of the element at a path of names, "show", "error/text".
func TextAt(path, text string) Match {
	return Where(fmt.Sprintf("%s %q", path, text), func(e *Element) bool { return e.TextOf(path) == text })
}

// TextLike is a pattern found in the element at a path of names.
func TextLike(path, pattern string) Match {
	re := regexp.MustCompile(pattern)
	return Where(path+" like "+pattern, func(e *Element) bool { return re.MatchString(e.TextOf(path)) })
}

func matches(e *Element, all []Match) bool { return len(Missing(e, all)) == 0 }

// Missing returns those that are not true of e.
func Missing(e *Element, all []Match) []Match {
	var missing []Match
	for _, m := range all {
		if !m.ok(e) {
			missing = append(missing, m)
		}
	}
	return missing
}

// Describe says what all of them say.
func Describe(all []Match) string {
	what := make([]string, len(all))
	for i, m := range all {
		what[i] = m.what
	}
	return strings.Join(what, ", ")
}
