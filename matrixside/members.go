package matrixside

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"maunium.net/go/mautrix/id"
)

// maxName bounds a name as it is shown, in characters.
const maxName = 64

// member is somebody in a room of Matrix.
type member struct {
	name    string // as shown: unique in the room
	display string // as they call themselves there; "" where they don't
	avatar  string // mxc URI, "" for none
}

// members is who is in one room, each under a name of their own: Matrix lets
// any number of people have one. Who has a name first keeps it, who comes
// later has their user id behind it. Its owner sees to it that one goroutine
// at a time uses it.
type members struct {
	table map[id.UserID]*member
	names map[string]id.UserID // by nameKey
}

func newMembers() *members {
	return &members{table: map[id.UserID]*member{}, names: map[string]id.UserID{}}
}

// get is who is known by that id, nil for nobody.
func (m *members) get(user id.UserID) *member { return m.table[user] }

// size is how many there are.
func (m *members) size() int { return len(m.table) }

// named is who is shown by that name, "" for nobody.
func (m *members) named(name string) id.UserID {
	user := m.names[nameKey(name)]
	if at := m.table[user]; at == nil || at.name != name {
		return ""
	}
	return user
}

// set puts somebody in, or changes how they look. before is how they were
// until now, the zero member for somebody new.
func (m *members) set(user id.UserID, display, avatar string) (now *member, before member) {
	now = m.table[user]
	if now == nil {
		now = &member{}
		m.table[user] = now
	} else {
		before = *now
	}
	now.avatar = avatar
	if before.name == "" || before.display != display {
		now.display = display
		if before.name != "" {
			delete(m.names, nameKey(before.name))
		}
		now.name = m.unique(user, display)
		m.names[nameKey(now.name)] = user
	}
	return now, before
}

// remove takes somebody out; nil if they weren't in.
func (m *members) remove(user id.UserID) *member {
	gone := m.table[user]
	if gone != nil {
		delete(m.table, user)
		delete(m.names, nameKey(gone.name))
	}
	return gone
}

// unique is a name for user that nobody in the room has.
func (m *members) unique(user id.UserID, display string) string {
	name := cleanName(display)
	if name == "" {
		if name = cleanName(user.Localpart()); name == "" {
			name = string(user)
		}
	}
	if _, taken := m.names[nameKey(name)]; !taken {
		return name
	}
	long := name + " (" + string(user) + ")"
	for n := 2; ; n++ {
		if _, taken := m.names[nameKey(long)]; !taken {
			return long
		}
		long = fmt.Sprintf("%s (%s %d)", name, user, n)
	}
}

// cleanName is a name as it can be shown on one line: without control and
// invisible characters, and not too long. It may be empty.
func cleanName(name string) string {
	var b strings.Builder
	length, space := 0, false
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case r == unicode.ReplacementChar || unicode.Is(unicode.C, r) && r != '\u200d':
			continue
		}
		if length++; length > maxName {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return strings.Trim(b.String(), "\u200d")
}

// nameKey is the same for names that people can't tell apart.
func nameKey(name string) string {
	return strings.ToLower(norm.NFKC.String(name))
}
