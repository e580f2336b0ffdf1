package names

import (
	"strings"

	"maunium.net/go/mautrix/id"
)

// Kind is what a name of a room says.
type Kind uint8

// The kinds.
const (
	KindAlias  Kind = iota // a Matrix room by its alias
	KindRoomID             // a Matrix room by its id
	KindUser               // the conversation with a Matrix user
	KindPortal             // a room of ours, for one of another network
)

// Room is what the core's name of a Matrix room says. Of its fields those
// count that belong to its Kind.
type Room struct {
	Kind          Kind
	Alias         id.RoomAlias
	ID            id.RoomID
	User          id.UserID
	Name, Network string // of KindPortal; Name is "" for a console
}

// ParseRoom reads the core's name of a Matrix room (bridge.Room.ID). It is
// false for what is none, and for any other spelling of one.
func ParseRoom(room string) (Room, bool) {
	if room == "" {
		return Room{}, false
	}
	var r Room
	native := strings.TrimPrefix(room, "@")
	if at := strings.LastIndexByte(native, '%'); at >= 0 {
		native = native[:at] + ":" + native[at+1:]
	}
	switch room[0] {
	case '~':
		name, network, _ := SplitPortal(room)
		r = Room{Kind: KindPortal, Name: name, Network: network}
	case '#':
		r = Room{Kind: KindAlias, Alias: id.RoomAlias(native)}
	case '!':
		r = Room{Kind: KindRoomID, ID: id.RoomID(native)}
	default:
		r = Room{Kind: KindUser, User: id.UserID("@" + native)}
	}
	return r, r.String() == room
}

// String is the core's name of the room, "" for what can't be one.
func (r Room) String() string {
	switch r.Kind {
	case KindAlias:
		return OfAlias(r.Alias)
	case KindRoomID:
		return OfRoomID(r.ID)
	case KindUser:
		return OfUser(r.User)
	case KindPortal:
		return PortalID(r.Name, r.Network)
	}
	panic("names: unknown kind of room")
}

// OfAlias is what the core calls the room with that alias, "" if it is no
// alias.
func OfAlias(alias id.RoomAlias) string { return withServer(string(alias), '#') }

// OfRoomID is what the core calls the room with that id, "" if it is no id.
func OfRoomID(room id.RoomID) string {
	s := string(room)
	if strings.IndexByte(s, ':') < 0 { // room version 12: a hash
		if len(s) < 2 || len(s) > maxAlias || s[0] != '!' || strings.IndexByte(s, '%') >= 0 || !isClean(s) {
			return ""
		}
		return s
	}
	return withServer(s, '!')
}

// OfUser is what the core calls the conversation with a user, "" if it is no
// user id. The "@" goes, unless something else than a user would begin then:
// there are users of old with such names.
func OfUser(user id.UserID) string {
	s := withServer(string(user), '@')
	if s == "" || strings.IndexByte("#!~@", s[1]) >= 0 {
		return s
	}
	return s[1:]
}

// withServer puts "%" for the ":" before the server.
func withServer(s string, sigil byte) string {
	colon := strings.IndexByte(s, ':')
	if colon < 2 || s[0] != sigil || len(s) > maxAlias || !isClean(s) || !isServer(s[colon+1:]) {
		return ""
	}
	return s[:colon] + "%" + s[colon+1:]
}

// isServer reports whether s can be a server's name, with or without a port.
func isServer(s string) bool {
	return s != "" && !strings.ContainsAny(s, "%/@#! ")
}

// PortalID is what the core calls the portal room for name on network, "" if
// that can't be a network. With an Owner, name is a nick or JID, or "" for a console.
func PortalID(name, network string) string {
	if network == "" || strings.IndexByte(network, '%') >= 0 {
		return ""
	}
	return "~" + name + "%" + network
}

// SplitPortal undoes PortalID. It is false for other rooms.
func SplitPortal(portal string) (name, network string, ok bool) {
	rest, ok := strings.CutPrefix(portal, "~")
	at := strings.LastIndexByte(rest, '%')
	if !ok || at < 0 || at == len(rest)-1 {
		return "", "", false
	}
	return rest[:at], rest[at+1:], true
}
