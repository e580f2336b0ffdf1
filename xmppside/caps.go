package xmppside

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"

	"isthmus/xmppside/address"
	"isthmus/xmppside/guest"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// capsNode tells clients whose software it is (XEP-0115 §4).
const capsNode = guest.Node

func sorted(features []string, more ...string) []string {
	all := slices.Concat(features, more)
	slices.Sort(all)
	return all
}

// hash is the verification string of what disco#info tells (XEP-0115 §5.1).
func (i info) hash(name string) string {
	var b []byte
	for _, id := range i.identities {
		b = append(b, id.category+"/"+id.typ+"//"+name+"<"...)
	}
	for _, f := range i.features {
		b = append(append(b, f...), '<')
	}
	sum := sha1.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// appendCaps appends what the sender of a presence can do.
func (s *Side) appendCaps(b []byte, from jid.JID) []byte {
	set := s.set.Load()
	a, err := set.find(from)
	if err != nil || a.Kind == address.Channel {
		return b
	}
	b = append(b, "<c xmlns='"+nsCaps+"' hash='sha-1' node='"+capsNode+"' ver='"...)
	b = wire.AppendAttr(b, set.infoOf(a).hash(title(a)))
	return append(b, "'/>"...)
}
