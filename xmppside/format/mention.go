package format

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"isthmus/bridge"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// maxReferences bounds the mentions, and the fallbacks, read from one message.
const maxReferences = 64

// references returns the mentions of a message (XEP-0372 §3.2) as spans of
// Plain(body).
func references(m wire.Element, body string, names Names) []bridge.Span {
	var list []bridge.Span
	for c := range m.Children() {
		if !c.Is(nsReference, "reference") || c.Attr("type") != "mention" {
			continue
		}
		if len(list) == maxReferences {
			break
		}
		begin, end, ok := bounds(c, "begin", "end")
		who, known := mentioned(c.Attr("uri"), names)
		if ok && known {
			list = append(list, bridge.Span{Start: begin, End: end, Style: bridge.StyleMention, Person: who})
		}
	}
	points := make([]*int, 0, 2*len(list))
	for i := range list {
		points = append(points, &list[i].Start, &list[i].End)
	}
	offsets(body, points)
	return slices.DeleteFunc(list, func(s bridge.Span) bool { return s.Start >= s.End })
}

// mentioned returns who an xmpp: URI stands for.
func mentioned(uri string, names Names) (bridge.Person, bool) {
	at, ok := jid.ParseURI(uri)
	if !ok || names == nil {
		return bridge.Person{}, false
	}
	return names.Person(at)
}

// bounds reads two attributes that count the code points of a body.
func bounds(e wire.Element, first, last string) (begin, end int, ok bool) {
	begin, err := strconv.Atoi(e.Attr(first))
	if err != nil || begin < 0 {
		return 0, 0, false
	}
	end, err = strconv.Atoi(e.Attr(last))
	return begin, end, err == nil && end > begin
}

// offsets replaces numbers of code points of body by the bytes of Plain(body)
// at which they stand. What is beyond the end stands at the end.
func offsets(body string, points []*int) {
	slices.SortFunc(points, func(a, b *int) int { return *a - *b })
	count, at := 0, 0
	for i, r := range body {
		for len(points) > 0 && *points[0] <= count {
			*points[0], points = at, points[1:]
		}
		if r, keep := plainRune(body, i, r); keep {
			at += utf8.RuneLen(r)
		}
		count++
	}
	for _, p := range points {
		*p = at
	}
}

// fallbacks returns the parts of Plain(body) that only stand for what was
// understood otherwise (XEP-0428): files, and where the spoiler is. What stands
// for anything else, a reply's quotation say, is all that other networks get
// of it.
func (p *parts) fallbacks(m wire.Element, body string, files bool) []bridge.Span {
	if !p.fallback {
		return nil
	}
	var list []bridge.Span
	for c := range m.Children() {
		if !c.Is(nsFallback, "fallback") || len(list) >= maxReferences {
			continue
		}
		switch c.Attr("for") {
		case nsSharing, nsOOB:
			if !files {
				continue
			}
		case nsSpoiler:
			if !p.spoiler {
				continue
			}
		default:
			continue
		}
		list = appendRanges(list, c)
	}
	points := make([]*int, 0, 2*len(list))
	for i := range list {
		points = append(points, &list[i].Start, &list[i].End)
	}
	offsets(body, points)
	slices.SortFunc(list, func(a, b bridge.Span) int { return a.Start - b.Start })
	return list
}

// appendRanges appends what of the body one <fallback/> names: all of it,
// if it names no part.
func appendRanges(list []bridge.Span, fallback wire.Element) []bridge.Span {
	const all = 1 << 30
	parts := 0
	for c := range fallback.Children() {
		if !c.Is(nsFallback, "body") {
			continue
		}
		if parts++; parts > maxReferences {
			break
		}
		if c.Attr("start") == "" && c.Attr("end") == "" {
			list = append(list, bridge.Span{End: all})
		} else if begin, end, ok := bounds(c, "start", "end"); ok {
			list = append(list, bridge.Span{Start: begin, End: end})
		}
	}
	if _, subject := fallback.Child(nsFallback, "subject"); parts == 0 && !subject {
		list = append(list, bridge.Span{End: all})
	}
	return list
}

// cutOut takes parts, which are in order, out of a text, and the white space
// that is left at its ends then; marks in what goes go, too.
func cutOut(text string, marks, parts []bridge.Span) (string, []bridge.Span) {
	var b strings.Builder
	var kept []bridge.Span
	keep := func(from, to int) {
		for _, m := range marks {
			if m.Start >= from && m.End <= to {
				m.Start, m.End = m.Start-from+b.Len(), m.End-from+b.Len()
				kept = append(kept, m)
			}
		}
		b.WriteString(text[from:to])
	}
	at := 0
	for _, p := range parts {
		if p.Start > at {
			keep(at, p.Start)
		}
		at = max(at, p.End)
	}
	keep(at, len(text))
	rest := strings.TrimLeft(b.String(), " \n")
	for i := range kept {
		kept[i].Start -= b.Len() - len(rest)
		kept[i].End -= b.Len() - len(rest)
	}
	return strings.TrimRight(rest, " \n"), kept // Normalize leaves out what is out of it
}

// moved finds marks of one text in another that says the same in other
// markup: each the next time that its words occur.
func moved(marks []bridge.Span, from, to string) []bridge.Span {
	var list []bridge.Span
	at := 0
	for _, m := range marks {
		words := from[m.Start:m.End]
		i := strings.Index(to[at:], words)
		if i < 0 {
			continue
		}
		m.Start = at + i
		m.End = m.Start + len(words)
		list, at = append(list, m), m.End
	}
	return list
}

// shown is a span, and the address of who it mentions.
type shown struct {
	bridge.Span
	at jid.JID
}

// rename gives the people that a text mentions the names that they have here,
// and their addresses. spans are in the order that the core promises.
func rename(text string, spans []bridge.Span, names Names) (string, []shown) {
	list := make([]shown, len(spans))
	for i, s := range spans {
		list[i].Span = s
	}
	if names == nil {
		return text, list
	}
	var b strings.Builder
	done := 0
	for i, s := range spans {
		if s.Style != bridge.StyleMention {
			continue
		}
		name, at := names.Call(s.Person)
		list[i].at = at
		name, said := strings.ReplaceAll(Plain(name), "\n", " "), text[s.Start:s.End]
		if name == "" || name == strings.TrimPrefix(said, "@") || s.Start < done {
			continue
		}
		b.WriteString(text[done:s.Start])
		b.WriteString(name)
		done = s.End
		grown := len(name) - len(said)
		for j, other := range spans {
			switch {
			case other.Start >= s.End:
				list[j].Start, list[j].End = list[j].Start+grown, list[j].End+grown
			case other.Start <= s.Start && other.End >= s.End:
				list[j].End += grown
			case other.Start >= s.Start: // in the name that is gone
				list[j].End = list[j].Start
			}
		}
	}
	if done == 0 {
		return text, list
	}
	b.WriteString(text[done:])
	list = slices.DeleteFunc(list, func(s shown) bool { return s.Start >= s.End })
	return b.String(), list
}

// appendReference appends a mention of who has an address, by the part of body
// between two bytes.
func appendReference(b []byte, body string, from, to int, at jid.JID) []byte {
	begin := utf8.RuneCountInString(body[:from])
	b = append(b, "<reference xmlns='"+nsReference+"' type='mention' begin='"...)
	b = strconv.AppendInt(b, int64(begin), 10)
	b = append(b, "' end='"...)
	b = strconv.AppendInt(b, int64(begin+utf8.RuneCountInString(body[from:to])), 10)
	b = append(b, "' uri='"...)
	b = wire.AppendAttr(b, at.URI())
	return append(b, "'/>"...)
}
