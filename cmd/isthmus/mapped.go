package main

import (
	"slices"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
	"isthmus/matrixside/names"

	"maunium.net/go/mautrix/id"
)

// mappings puts the links of the file into the words of package mapping.
func mappings(cfg *config.Config) []mapping.Link {
	var all []mapping.Link
	for _, l := range cfg.Links {
		link := mapping.Link{Name: l.Name, Moderation: moderations[l.Moderation]}
		for _, r := range l.Rooms {
			link.Rooms = append(link.Rooms, mapping.Room{
				At: roomOf(r), Nick: keeperNick(cfg, r), Password: string(r.Password),
				Puppets: r.As == config.AsPuppets, Lazy: r.Enter == config.EnterSpeak,
				Idle: r.Idle, Most: r.Puppets, Name: r.Name,
				Mute: r.Direction == config.DirectionOut, Deaf: r.Direction == config.DirectionIn,
			})
		}
		all = append(all, link)
	}
	return all
}

// withoutMatrix are links as far as there is no homeserver.
func withoutMatrix(links []config.Link) []config.Link {
	var all []config.Link
	for _, l := range links {
		l.Rooms = slices.DeleteFunc(slices.Clone(l.Rooms), func(r config.LinkRoom) bool { return r.Matrix != "" })
		if len(l.Rooms) > 1 {
			all = append(all, l)
		}
	}
	return all
}

var moderations = map[string]mapping.Moderation{"apply": mapping.Apply, "undo": mapping.Undo, "off": mapping.Off}

// roomOf is what the core calls a room.
func roomOf(r config.LinkRoom) bridge.Room {
	at := bridge.Room{Network: r.Network()}
	switch {
	case r.XMPP != "":
		at.ID = r.XMPP
	case r.Matrix == "":
		at.ID = r.Channel
	case r.Matrix[0] == '!':
		at.ID = names.OfRoomID(id.RoomID(r.Matrix))
	default:
		at.ID = names.OfAlias(id.RoomAlias(r.Matrix))
	}
	return at
}

// keeperNick is what the bridge would be called in a room.
func keeperNick(cfg *config.Config, r config.LinkRoom) string {
	switch {
	case r.XMPP != "":
		return cfg.XMPP.Relay.Nick
	case r.IRC != "":
		return cfg.Networks[r.IRC].Relay.Nick
	}
	return "" // the bot has a name of its own
}
