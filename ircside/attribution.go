package ircside

import (
	"cmp"
	"hash/fnv"
	"strings"
	"unicode"

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
	return strings.NewReplacer("{name}", name, "{network}", shownName(network)).Replace(template)
}

// shownName is a name as it may stand in a line: plain text without what
// turns the direction of the text behind it, and not too long.
func shownName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune(guard, r) {
			return -1
		}
		return r
	}, text.Strip(name))
	name = strings.TrimSpace(text.Split(strings.TrimSpace(name), maxShown)[0])
	return cmp.Or(name, "?")
}

// coloured gives a name the colour that it always has.
func coloured(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name)) // which never fails
	colour := "\x03" + colours[h.Sum32()%uint32(len(colours))]
	if name[0] == ',' { // a background would follow
		colour += "\x02\x02"
	}
	return colour + name + "\x0f"
}

// guarded is name with a guard behind the first letter of whatever in it pings:
// all of it, or a word.
func guarded(name string, pings func(string) bool) string {
	if pings(name) {
		return guardedWord(name)
	}
	words := strings.Split(name, " ")
	for i, w := range words {
		if len(words) > 1 && w != "" && pings(w) {
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
