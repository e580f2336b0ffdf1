package e2e

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"isthmus/e2e/harness"
)

// mappedThree runs a scenario on a MUC, a room of Matrix and a channel that a
// link of the configuration joins; rob is in the channel.
func mappedThree(t *testing.T, run func(p *mappedPair, rob *harness.IRC)) {
	var rob *harness.IRC
	onMapped(t, "public_chat", func(p *mappedPair, rooms []harness.Config) []harness.Config {
		rob = p.native("rob")
		return append(rooms, harness.Config{"irc": network, "channel": p.channel})
	}, func(p *mappedPair) { run(p, rob) })
}

// ask runs a command that asks the gateway, and wants each of some texts in
// what it prints.
func (s *scenario) ask(command string, want ...string) string {
	s.Helper()
	out, _ := isthmus(s.T, append(strings.Fields(command), "-c", s.gateway.ConfigFile())...)
	for _, w := range want {
		if !strings.Contains(out, w) {
			s.Errorf("isthmus %s: no %q in\n%s", command, w, out)
		}
	}
	return out
}

// "ready" means that every mapped room is joined; status, explain, trace and
// audit tell what happens there.
func TestControl(t *testing.T) {
	mappedThree(t, func(p *mappedPair, rob *harness.IRC) {
		p.gateway.ExpectLog(p.T, `msg=ready domains=2 matrix=true rooms=3`)
		channel := network + ":" + p.channel
		p.ask("status", "ready", p.gateway.Domain, "the homeserver", "link lounge", p.jid, "#lounge:"+p.hs.Name, channel, "joined as isthmus", "sessions: 0 of 100, and the bridge as isthmus")
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in(rob.Nick)))
		p.ask("explain "+channel, "link lounge", "joined as isthmus", rob.Nick, "native", "alice", "relayed")
		p.ask("explain "+p.bob.ID, p.jid, "bob", "puppet", channel, "relayed")
		p.ask("explain nobody", "nobody of that name")

		path, err := harness.Binary()
		if err != nil {
			p.Fatal(err)
		}
		var traced strings.Builder
		trace := exec.Command(path, "trace", "-c", p.gateway.ConfigFile(), "--person", rob.Nick, "--count", "1", "--for", "20s")
		trace.Stdout, trace.Stderr = &traced, &traced
		if err := trace.Start(); err != nil {
			p.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- trace.Wait() }()
		for over := false; !over; { // the tracer comes at some time
			rob.Say(p.channel, "hello all")
			p.alice.Expect(harness.From(p.in(rob.Nick)), harness.Body("hello all"))
			p.bob.Expect(harness.InRoom(p.id), harness.Said("m.text", "hello all"))
			select {
			case err := <-ended:
				over = true
				for _, want := range []string{"from  " + channel, "hears lounge: " + channel, "asks  lounge: " + p.jid, "to    " + p.jid, "asks  lounge: #lounge:" + p.hs.Name, "confirm", "9 characters"} {
					if !strings.Contains(traced.String(), want) {
						p.Errorf("trace (%v): no %q in\n%s", err, want, &traced)
					}
				}
			default:
			}
		}

		p.alice.IQ("set", p.jid, `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="`+rob.Nick+`" role="none"><reason>enough</reason></item></query>`)
		p.alice.Expect(harness.Kind("presence/unavailable"), harness.From(p.in(rob.Nick)))
		p.gateway.ExpectLog(p.T, `msg=moderation.*action=kick`)
		p.ask("audit --link lounge", "lounge: kick of "+rob.Nick, "by alice in "+p.jid, "(enough)", "in "+channel)
	})
}

// A reload applies the difference: plan tells it before, and the rooms that
// stay don't notice.
func TestReloadOfLinks(t *testing.T) {
	mappedThree(t, func(p *mappedPair, rob *harness.IRC) {
		p.alice.Expect(harness.Kind("presence/"), harness.From(p.in(rob.Nick)))
		p.bob.Expect(harness.InRoom(p.id), harness.Membership(p.ghostOf("alice"), "join"))
		link := p.gateway.Config["links"].([]any)[0].(harness.Config)
		rooms := link["rooms"].([]harness.Config)
		link["rooms"] = rooms[:2]
		p.gateway.Write(p.T)
		out := p.ask("plan", `- links.lounge."`+network+`:`, "would leave", "alice", "SIGHUP applies it.")
		if strings.Contains(out, "restart") {
			p.Errorf("plan:\n%s", out)
		}
		p.gateway.Signal(p.T, syscall.SIGHUP)
		rob.Expect(`^:isthmus\S* PART ` + p.channel)
		p.alice.Expect(harness.Kind("presence/unavailable"), harness.From(p.in(rob.Nick)))
		p.talk(p.id, "alice", "undisturbed")
		p.ask("plan", "nothing would change")

		link["rooms"] = append(rooms[:2], harness.Config{"irc": network, "channel": p.channel, "as": "puppets", "enter": "join"})
		p.gateway.Write(p.T)
		p.ask("plan", `+ links.lounge."`+network+`:`)
		p.gateway.Signal(p.T, syscall.SIGHUP)
		rob.Expect(`^:alice\S* JOIN :?` + p.channel)
		p.talk(p.id, "alice", "still here")
		p.alice.ExpectNone(harness.Kind("presence/unavailable"), harness.From(p.in("bob")))
	})
}
