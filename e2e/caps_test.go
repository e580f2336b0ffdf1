package e2e

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// XEP-0115 §5.4: a client believes a presence's hash when it has computed the
// same from what disco#info tells of node#ver.
func TestCaps(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice := s.user("alice")
		alice.Join(s.room, s.nick("alice"))
		for _, jid := range []string{s.gateway.Domain, s.at(""), s.at(native.Nick)} {
			subscribe(s, alice, jid)
			presence := alice.Expect(harness.Kind("presence/"), harness.From(jid), harness.Child("c", "http://jabber.org/protocol/caps"))
			caps := presence.In("http://jabber.org/protocol/caps")
			if caps.Attr["hash"] != "sha-1" {
				s.Errorf("hash by %q", caps.Attr["hash"])
			}
			node := caps.Attr["node"] + "#" + caps.Attr["ver"]
			info := alice.IQ("get", jid, `<query xmlns="http://jabber.org/protocol/disco#info" node="`+harness.Escape(node)+`"/>`)
			check(s, info, harness.Kind("iq/result"))
			if query := info.Find("query"); query.Attr["node"] != node {
				s.Errorf("asked of %q, told of %q", node, query.Attr["node"])
			} else if got := verification(query); got != caps.Attr["ver"] {
				s.Errorf("%s: ver is %s, what disco#info tells comes to %s", jid, caps.Attr["ver"], got)
			}
		}
	})
}

// verification is XEP-0115 §5.1, without forms.
func verification(query *harness.Element) string {
	var identities, features []string
	for _, i := range query.All("identity") {
		identities = append(identities, strings.Join([]string{i.Attr["category"], i.Attr["type"], i.Attr["lang"], i.Attr["name"]}, "/"))
	}
	for _, f := range query.All("feature") {
		features = append(features, f.Attr["var"])
	}
	slices.Sort(identities)
	slices.Sort(features)
	sum := sha1.Sum([]byte(strings.Join(append(identities, features...), "<") + "<"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
