package xmppside

import (
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/wire"
)

// helpful reports whether what is written to an address is answered with help:
// the gateway itself, and Matrix, which takes no commands.
func helpful(a address.Address) bool {
	return a.Kind == address.Gateway || a.Kind == address.Network && a.Network == bridge.NetworkMatrix
}

// help answers a message to the gateway itself.
func (d *direct) help(h wire.Header, to address.Address) {
	text := d.side.set.Load().helpText(to)
	d.side.send(to.Domain, func(b []byte) []byte {
		b = wire.AppendOpen(b, wire.Header{Kind: wire.Message, To: h.From, From: h.To, ID: bridge.NewID(), Type: h.Type})
		b = wire.AppendElement(b, "body", text)
		return wire.AppendClose(b, wire.Message)
	})
}

// helpText tells how to use what is at a domain.
func (s *settings) helpText(to address.Address) string {
	at := "@" + to.Domain
	if to.Network == bridge.NetworkMatrix {
		if s.domains[to.Domain] == "" {
			at = "%matrix" + at
		}
		return "This is a gateway to Matrix.\n" + matrixHelp(at) + "\nThe homeserver's public rooms are listed by service discovery, and can be searched."
	}
	const irc = `Join #channel%network@DOMAIN to be in a channel.
Write to nick%network@DOMAIN to talk to somebody, and to network@DOMAIN to give the server a command.
The networks are listed by service discovery; on each of them there is a command (ad-hoc) to set your nick and account.`
	text := strings.ReplaceAll(irc, "@DOMAIN", at)
	if !s.serves(bridge.NetworkMatrix) {
		return "This is a gateway to IRC.\n" + text
	}
	if bound := s.domainOf(bridge.NetworkMatrix); s.domains[bound] != "" {
		at = "@" + bound
	} else {
		at = "%matrix" + at
	}
	return "This is a gateway to IRC and Matrix.\nOn IRC:\n" + text + "\nOn Matrix:\n" + matrixHelp(at)
}

func matrixHelp(at string) string {
	return "Join #room%server.org" + at + " to be in the room #room:server.org.\n" +
		"Write to user%server.org" + at + " to talk to @user:server.org.\n" +
		`Upper-case letters of a room's name are written by their code: \u{41} for A.`
}
