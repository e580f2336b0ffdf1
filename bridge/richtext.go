package bridge

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// Span says that a part of a message's text looks different, or is more than
// text. Start and End are byte offsets into Message.Text, at borders of
// characters, Start before End. Spans of one message are in the order of
// Start, longer ones first; they lie within or beside each other and never
// overlap otherwise, so that every side can nest its markup. See Normalize.
type Span struct {
	Start int       `json:"start"`
	End   int       `json:"end"`
	Style SpanStyle `json:"style"`
	// Value is the URL of a StyleLink and the language of a StylePre ("" for
	// none). Only http, https, mailto, xmpp, irc, ircs and matrix URLs occur.
	Value string `json:"value,omitempty"`
	// Person is who a StyleMention names. The text says what they are called
	// where it was said; a side that knows them by another name there puts
	// that in its place.
	Person Person `json:"person,omitzero"`
}

// SpanStyle is how a span looks, or what it is.
type SpanStyle uint8

// The styles: what two networks or more can show.
const (
	StyleBold SpanStyle = iota
	StyleItalic
	StyleUnderline
	StyleStrike
	StyleCode    // a few words in fixed width
	StylePre     // whole lines in fixed width; the lines' ends around it are not in it
	StyleQuote   // whole lines that somebody else has said, without any "> "
	StyleSpoiler // not to be seen at once
	StyleLink
	StyleMention
)

// maxSpans bounds the spans of one message.
const maxSpans = 1000

// Normalize puts spans into the form that Span promises: those that are out of
// text, empty or too many are left out, those that overlap are cut in two. It
// may change the slice that it is given.
func Normalize(text string, spans []Span) []Span {
	border := func(i int) bool { return i == len(text) || i >= 0 && i < len(text) && utf8.RuneStart(text[i]) }
	spans = slices.DeleteFunc(spans, func(s Span) bool {
		return s.Start < 0 || s.End > len(text) || s.Start >= s.End || !border(s.Start) || !border(s.End)
	})
	order := func(a, b Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) }
	slices.SortStableFunc(spans, order)
	out := make([]Span, 0, min(len(spans), maxSpans))
	var open []int // ends of the spans in out that the next one may lie in
	for len(spans) > 0 && len(out) < maxSpans {
		s := spans[0]
		spans = spans[1:]
		for len(open) > 0 && open[len(open)-1] <= s.Start {
			open = open[:len(open)-1]
		}
		if n := len(open); n > 0 && open[n-1] < s.End {
			rest := s
			rest.Start, s.End = open[n-1], open[n-1]
			at, _ := slices.BinarySearchFunc(spans, rest, order)
			spans = slices.Insert(spans, at, rest)
		}
		out, open = append(out, s), append(open, s.End)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// File is something that comes with a message, at a place from which anybody
// who is shown the message may fetch it.
type File struct {
	URL  string `json:"url"` // http or https
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"` // media type, "" where nobody knows
	Size int64  `json:"size,omitempty"` // bytes, 0 where nobody knows
	// Width and Height are in pixels and Duration in milliseconds, 0 where
	// they make no sense or nobody knows.
	Width    int `json:"width,omitempty"`
	Height   int `json:"height,omitempty"`
	Duration int `json:"duration,omitempty"`
}
