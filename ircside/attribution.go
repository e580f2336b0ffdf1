package ircside

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"isthmus/ircside/text"
)

const (
	// maxShown is how many bytes a name may have in front of what is said.
	maxShown = 64
	// maxTemplate bounds what the settings put around it.
	maxTemplate = 100
)

// colours are those of the sixteen of mIRC that can be read on black and on
// white alike.
var colours = [...]string{"03", "04", "05", "06", "07", "10", "12", "13"}

// guard keeps a word from being taken for a nick: it has no width.
const guard = "\u200b"

// attribution is what stands in front of what somebody says through the
// keeper. pings, which may be nil, tells whether a word would alert somebody
// who reads it.
func (r *Relay) attribution(name, network string, emote bool, pings func(string) bool) string {
	name = shownName(name)
	if r.Guard && pings != nil {
		name = guarded(name, pings)
	}
	if r.Colour {
		name = coloured(name)
	}
	if emote {
		return "* " + name + " "
	}
	template := text.Split(text.Sanitize(cmp.Or(r.Template, DefaultRelay.Template)), maxTemplate)[0]
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		switch {
		case strings.HasPrefix(rest, "name}"):
			out.WriteString(name)
			template = rest[len("name}"):]
		case strings.HasPrefix(rest, "network}"):
			out.WriteString(shownName(network))
			template = rest[len("network}"):]
		default:
			out.WriteByte('{')
			template = rest
		}
	}
}

// shownName is a name as it may stand in a line: plain text without what
// turns the direction of the text behind it, and not too long.
func shownName(name string) string {
	name = text.Strip(name)
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		name = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune(guard, r) {
				return -1
			}
			return r
		}, name)
	}
	name = strings.TrimSpace(text.Split(strings.TrimSpace(name), maxShown)[0])
	return cmp.Or(name, "?")
}

// coloured gives a name the colour that it always has.
func coloured(name string) string {
	h := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	colour := colours[h%uint32(len(colours))]
	if name[0] == ',' { // a background would follow
		return "\x03" + colour + "\x02\x02" + name + "\x0f"
	}
	return "\x03" + colour + name + "\x0f"
}

// guarded is name with a guard behind the first letter of whatever in it pings:
// all of it, or a word.
func guarded(name string, pings func(string) bool) string {
	if pings(name) {
		return guardedWord(name)
	}
	if !strings.Contains(name, " ") {
		return name
	}
	words := strings.Split(name, " ")
	for i, w := range words {
		if w != "" && pings(w) {
			words[i] = guardedWord(w)
		}
	}
	return strings.Join(words, " ")
}

func guardedWord(word string) string {
	first, rest, _, _ := uniseg.FirstGraphemeClusterInString(word, -1)
	return first + guard + rest
}

// maxMadeUp is how many bytes of a name go into a nick for RELAYMSG.
const maxMadeUp = 40

// madeUp is the nick by which somebody speaks by RELAYMSG: it cannot be
// anybody's own, for the sign in it.
func madeUp(name, network string, sign byte) string {
	part := func(s string) string { return text.Split(nickFrom(shownName(s)), maxMadeUp)[0] }
	return part(name) + string(rune(sign)) + part(network)
}
