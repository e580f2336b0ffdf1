package e2e

import (
	"regexp"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

// puppets has the channel of a mapped pair take everybody as a puppet at once.
func (r *relayed) puppets() {
	rooms := r.gateway.Config["links"].([]any)[0].(harness.Config)["rooms"].([]harness.Config)
	rooms[onIRC].Set("as", "puppets")
	rooms[onIRC].Set("enter", "join")
}

// inMUC waits until alice sees somebody in the MUC.
func (r *relayed) inMUC(nick string) *harness.Element {
	r.Helper()
	return r.alice.Expect(harness.Kind("presence/"), harness.From(r.muc+"/"+nick))
}

// empowered gives the bridge the rights of an admin in the MUC.
func (r *relayed) empowered() {
	r.Helper()
	keeper := realJID(r.inMUC("isthmus"))
	check(r.scenario, r.alice.IQ("set", r.muc, admin(`jid="`+keeper+`" affiliation="admin"/>`)), harness.Kind("iq/result"))
	r.alice.Expect(harness.Kind("presence/"), harness.From(r.muc+"/isthmus"), harness.Item("affiliation", "admin"))
}

// docs/irc-operators.md: who is banned from the channel is banned from the rooms
// that are linked to it, and pardoned there with the same mask.
func TestMappedPuppetBanned(t *testing.T) {
	onRelayed(t, eachIRC, func(r *relayed) { r.puppets() }, func(r *relayed) {
		r.empowered()
		dave := r.user("dave")
		nick := r.scenario.nick("dave")
		dave.Join(r.muc, nick)
		for _, mask := range []string{nick + "!*@*", "*" + nick[1:] + "!*@*"} {
			r.rob.ExpectFrom(nick, "JOIN")
			r.rob.Send("MODE %s +b %s", r.channel, mask)
			r.rob.Send("KICK %s %s :for good", r.channel, nick)
			dave.Expect(harness.Kind("presence/unavailable"), harness.From(r.muc+"/"+nick), harness.Code("301"), harness.Code("110"),
				harness.Reason("for good (by "+r.rob.Nick+" in "+r.channel+")"))
			dave.SendJoin(r.muc, nick, "")
			dave.Expect(harness.Kind("presence/error"), harness.Condition("forbidden"))
			dave.Drain() // that they may not speak came first, if the MODE was seen before the KICK
			r.rob.Send("MODE %s -b %s", r.channel, mask)
			joinUntil(r.scenario, dave, r.muc, nick)
		}
		r.rob.ExpectFrom(nick, "JOIN")

		// A kick is no ban.
		r.rob.Send("KICK %s %s :out", r.channel, nick)
		dave.Expect(harness.Kind("presence/unavailable"), harness.From(r.muc+"/"+nick), harness.Code("307"), harness.Code("110"))
		dave.Join(r.muc, nick)
		r.alice.Say(r.muc, "still here")
		r.rob.ExpectFrom(r.scenario.nick("alice"), "PRIVMSG .* :still here$")
	})
}

// An IRC user who has left is banned here and so there, where they can't come
// back to either.
func TestMappedNativeBanned(t *testing.T) {
	onRelayed(t, []string{"prosody+ngircd", "prosody+inspircd"}, nil, func(r *relayed) {
		r.empowered()
		other := r.native("other")
		r.inMUC(other.Nick)
		other.Send("PART %s", r.channel)
		r.rob.ExpectFrom(other.Nick, "PART")
		r.rob.Send("MODE %s +b %s!*@*", r.channel, other.Nick)
		r.gateway.ExpectLog(r.T, "ban.*"+other.Nick)
	})
}

// Whoever is relayed has no nick that a KICK could name: operators say it to the
// relay.
func TestMappedRelayedBanned(t *testing.T) {
	onRelayed(t, eachIRC, nil, func(r *relayed) {
		r.empowered()
		dave := r.user("dave")
		nick := r.scenario.nick("dave")
		dave.Join(r.muc, nick)
		dave.Say(r.muc, "buy this")
		r.rob.ExpectFrom(r.relay, "PRIVMSG .*buy this")
		r.rob.Say(r.channel, "!ban "+nick+" spam")
		dave.Expect(harness.Kind("presence/unavailable"), harness.From(r.muc+"/"+nick), harness.Code("301"), harness.Code("110"),
			harness.Reason("spam (by "+r.rob.Nick+" in "+r.channel+")"))
		r.rob.ExpectFrom(r.relay, "NOTICE "+r.rob.Nick+" :"+nick+" is banned")
		dave.SendJoin(r.muc, nick, "")
		dave.Expect(harness.Kind("presence/error"), harness.Condition("forbidden"))
		r.rob.Say(r.channel, "!unban "+nick)
		joinUntil(r.scenario, dave, r.muc, nick)
		dave.Say(r.muc, "sorry")
		r.rob.ExpectFrom(r.relay, "PRIVMSG .*sorry")
		r.rob.Say(r.channel, "!kick "+nick+" too late")
		dave.Expect(harness.Kind("presence/unavailable"), harness.From(r.muc+"/"+nick), harness.Code("307"), harness.Code("110"))
	})
}

// The other way: who is banned from the MUC is banned from the channel, by an
// operator's hand that is lent to the bridge, and pardoned with the same mask.
func TestMappedBannedFromMUC(t *testing.T) {
	onRelayed(t, eachIRC, nil, func(r *relayed) {
		r.rob.Send("MODE %s +o %s", r.channel, r.relay)
		r.empowered()
		other := r.native("other")
		jid := realJID(r.inMUC(other.Nick))
		check(r.scenario, r.alice.IQ("set", r.muc, admin(`jid="`+jid+`" affiliation="outcast"><reason>enough</reason></item>`)), harness.Kind("iq/result"))
		mask := r.rob.ExpectFrom(r.relay, "MODE "+r.channel+` \+b :?(\S+)`)[1]
		r.rob.ExpectFrom(r.relay, "KICK "+r.channel+" "+other.Nick+" :.*enough")
		other.Send("JOIN %s", r.channel)
		other.Expect(" 474 ")
		check(r.scenario, r.alice.IQ("set", r.muc, admin(`jid="`+jid+`" affiliation="none"/>`)), harness.Kind("iq/result"))
		r.rob.Expect(" MODE " + r.channel + ` -b :?` + regexp.QuoteMeta(mask))
		other.Join(r.channel)
		r.inMUC(other.Nick)
	})
}

// A puppet that is killed is not brought back; its person is relayed, and thrown
// out of nothing else.
func TestMappedPuppetKilled(t *testing.T) {
	onRelayed(t, eachIRC, func(r *relayed) { r.puppets() }, func(r *relayed) {
		r.empowered()
		nick := r.scenario.nick("alice")
		r.rob.ExpectFrom(nick, "JOIN")
		r.alice.Say(r.muc, "by myself")
		r.rob.ExpectFrom(nick, "PRIVMSG .* :by myself$")
		r.rob.Oper()
		r.rob.Send("KILL %s :spam", nick)
		r.rob.ExpectFrom(nick, "QUIT")
		r.gateway.ExpectLog(r.T, "session down.*alice")
		r.alice.Say(r.muc, "through the relay")
		r.rob.ExpectFrom(r.relay, "PRIVMSG .*through the relay")
		r.alice.ExpectNone(harness.Kind("presence/unavailable"), harness.Code("110"))
		r.rob.ExpectNone(nick + "!.* JOIN")
	})
}

// "!unbridge" is for all of ours, the relay too; the other rooms go on, and
// status says why the channel is not joined. "!bridge" brings all back at once.
func TestMappedUnbridge(t *testing.T) {
	onRelayed(t, []string{"prosody+ngircd", "prosody+ergo"}, func(r *relayed) { r.puppets() }, func(r *relayed) {
		nick := r.scenario.nick("alice")
		r.alice.Say(r.muc, "by myself")
		r.rob.ExpectFrom(nick, "PRIVMSG .* :by myself$")
		r.rob.Say(r.channel, "!unbridge")
		for _, who := range []string{nick, r.relay} {
			r.rob.ExpectFrom(who, "PART "+r.channel+" .*"+r.rob.Nick+" said !unbridge")
		}
		r.rob.Expect("NOTICE " + r.rob.Nick + " :" + r.channel + " is not bridged any more")
		out, _ := isthmus(r.T, "status", "-c", r.gateway.ConfigFile()) // it fails where a room is not joined
		if !strings.Contains(out, r.rob.Nick+" said !unbridge") || !strings.Contains(out, "unbridged by its operator "+r.rob.Nick) {
			r.Errorf("status:\n%s", out)
		}
		if strings.HasSuffix(r.Name(), "ergo") {
			r.rob.Say("NickServ", "REGISTER "+accountPassword)
			r.rob.Expect(`(?i)account created|registered`)
		}
		r.rob.Say(r.relay, "!bridge "+r.channel)
		r.rob.Expect("NOTICE " + r.rob.Nick + " :Thank you")
		r.rob.ExpectFrom(r.relay, "JOIN")
		r.alice.Say(r.muc, "here again")
		r.rob.Expect("PRIVMSG .*here again")
	})
}

// Where operators have to agree first, a mapped channel waits for them as well.
func TestMappedConsent(t *testing.T) {
	configured(t, []string{"prosody+ngircd"}, func(s *scenario) {
		s.keeper()
		s.gateway.Config.Set("networks/"+network+"/policy", "consent")
		s.gateway.Config.Set("links", []any{harness.Config{"name": "lounge", "rooms": []harness.Config{
			{"xmpp": s.nick("room") + "@" + harness.MUCDomain(s.host)}, {"irc": network, "channel": s.channel}}}})
	}, func(s *scenario) {
		op := s.native("op")
		s.online(op, s.nick("keeper"))
		op.Say(s.channel, "anybody?")
		op.Fence()
		op.ExpectNone(s.nick("keeper") + "!.* JOIN")
		op.Send("INVITE %s %s", s.nick("keeper"), s.channel)
		op.Expect("NOTICE " + op.Nick + " :Thank you")
		op.ExpectFrom(s.nick("keeper"), "JOIN")
	})
}
