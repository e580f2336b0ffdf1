package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"isthmus/e2e/harness"
)

// XEP-0045 §9.9 (status 332): a service that shuts down says so to all
// occupants; IRC sees a QUIT; the process ends well and soon.
func TestShutdown(t *testing.T) {
	on(t, everyPair, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		took, err := s.gateway.Stop(s.T)
		if err != nil {
			s.Errorf("exit: %v", err)
		}
		if took > 5*time.Second {
			s.Errorf("took %v", took)
		}
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(s.occupant(nick)), harness.Code("332"), harness.Code("110"))
		native.ExpectFrom(nick, "QUIT")
	})
}

// SIGHUP reloads: a network that was added can be used, those who talk on
// another don't notice.
func TestReload(t *testing.T) {
	on(t, eachXMPP, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		s.gateway.Config.Set("networks/second", harness.Config{"addresses": []string{"irc://" + s.irc.Addr}})
		s.gateway.Write(s.T)
		s.gateway.Signal(s.T, syscall.SIGHUP)
		second := s.channel + "%second@" + s.gateway.Domain
		for deadline := time.Now().Add(harness.Patience); ; time.Sleep(50 * time.Millisecond) {
			alice.SendJoin(second, s.nick("alicia"), "")
			e := alice.Expect(harness.Where("an answer", func(e *harness.Element) bool {
				return e.Name == "presence" && strings.HasPrefix(e.Attr["from"], second)
			}))
			if e.Attr["type"] != "error" {
				break
			}
			if time.Now().After(deadline) {
				s.Fatalf("the new network is never known: %s", e)
			}
		}
		native.ExpectFrom(s.nick("alicia"), "JOIN")
		alice.Say(s.room, "undisturbed")
		native.ExpectFrom(nick, "PRIVMSG .* :undisturbed$")
		native.ExpectNone(" (QUIT|PART)")
	})
}

// A network that was taken out of the file ends for who is on it: they are
// out of its rooms, with a sentence, and nobody can enter one any more.
func TestReloadWithoutANetwork(t *testing.T) {
	configured(t, eachXMPP, func(s *scenario) {
		s.gateway.Config.Set("networks/second", harness.Config{"addresses": []string{"irc://" + s.irc.Addr}})
	}, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		second, other := s.channel+"%second@"+s.gateway.Domain, s.nick("alicia")
		alice.Join(second, other)
		native.ExpectFrom(other, "JOIN")
		delete(s.gateway.Config["networks"].(harness.Config), "second")
		s.gateway.Write(s.T)
		s.gateway.Signal(s.T, syscall.SIGHUP)
		native.ExpectFrom(other, "(PART|QUIT)")
		alice.Expect(harness.Kind("presence/unavailable"), harness.From(second+"/"+other), harness.Code("110"), harness.TextLike("status", `\w+ \w+`))
		alice.SendJoin(second, other, "")
		alice.Expect(harness.Kind("presence/error"), harness.From(second+"/"+other), harness.Condition("item-not-found"))
		alice.Say(s.room, "undisturbed")
		native.ExpectFrom(nick, "PRIVMSG .* :undisturbed$")
		native.ExpectNone(nick + `!\S+ (PART|QUIT)`)
	})
}

// A bad file changes nothing, and the log says what is wrong with it.
func TestReloadOfABadFile(t *testing.T) {
	on(t, once, func(s *scenario) {
		native := s.native("native")
		alice, nick := s.joined("alice")
		if err := os.WriteFile(s.gateway.ConfigFile(), []byte("xmpp:\n  sever: here\nnetworks: 7\n"), 0o600); err != nil {
			s.Fatal(err)
		}
		s.gateway.Signal(s.T, syscall.SIGHUP)
		for deadline := time.Now().Add(harness.Patience); !strings.Contains(s.gateway.Log(), "sever"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				s.Fatalf("no word of the mistake in the log")
			}
		}
		alice.Say(s.room, "undisturbed")
		native.ExpectFrom(nick, "PRIVMSG .* :undisturbed$")
		if !s.gateway.Running() {
			s.Errorf("it ended")
		}
	})
}
