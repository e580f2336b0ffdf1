// Command demo shows Isthmus at work: it starts Prosody, ejabberd, InspIRCd,
// ngIRCd (and Ergo, if it is there), Dendrite and a gateway for each XMPP server, on
// loopback, lets clients that we didn't write talk across, prints what crossed
// and how to join in, and stays up until Ctrl-C. It stops only what it started.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"isthmus/e2e/harness"
)

func main() {
	var stage harness.Stage
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	up := make(chan struct{})
	go func() {
		defer close(up)
		w := raise(&stage)
		w.cafe.talk(w.sites[0], w.order[0])
		w.converse(&stage)
		w.threeNetworks(&stage)
		w.invite()
	}()
	select {
	case <-up:
		<-ctx.Done()
	case <-ctx.Done(): // before everything was up
	}
	fmt.Println("\nStopping what was started.")
	stage.Close()
}

// world is what the demo runs.
type world struct {
	irc   map[string]*harness.IRCServer // by network name
	order []string                      // its keys
	sites []*site
	cafe  *cafe
}

// site is an XMPP server with its gateway.
type site struct {
	kind    string
	host    string
	server  *harness.XMPPServer
	gateway *harness.Isthmus
	matrix  *harness.Homeserver // nil for all but the first
}

// channel is where everybody meets.
const channel = "#isthmus"

func raise(stage *harness.Stage) *world {
	w := &world{irc: map[string]*harness.IRCServer{}}
	for _, kind := range harness.IRCKinds {
		if kind == "ergo" && !harness.HaveErgo() {
			fmt.Println("no Ergo on this machine: going on without it")
			continue
		}
		fmt.Printf("starting %s\n", kind)
		w.irc[kind] = harness.StartIRC(stage, kind)
		w.order = append(w.order, kind)
	}
	for i, kind := range harness.XMPPKinds {
		fmt.Printf("starting %s, and an Isthmus behind it\n", kind)
		host := []string{"localhost", "other.localhost"}[i]
		s := &site{kind: kind, host: host, server: harness.StartXMPP(stage, kind, []string{host})}
		s.gateway = harness.NewIsthmus(stage, s.server, host, w.irc)
		if i == 0 {
			s.homeserver(stage)
			w.cafe = s.openCafe(stage, w.order[0], w.irc[w.order[0]])
		}
		s.gateway.Start(stage)
		w.sites = append(w.sites, s)
	}
	return w
}

// room is the JID of the channel on a network, through a site's gateway.
func (s *site) room(network string) string {
	return channel + "%" + network + "@" + s.gateway.Domain
}

// converse sends a line in each direction for each pair of servers, with
// @xmpp/client on one side and a raw IRC client on the other.
func (w *world) converse(stage *harness.Stage) {
	node := harness.StartNode(stage)
	fmt.Println("\nWhat crossed:")
	for _, network := range w.order {
		mallory := w.irc[network].Dial(stage, "mallory")
		mallory.Join(channel)
		mallory.Send("TOPIC %s :Where %s and XMPP meet", channel, network)
		for _, s := range w.sites {
			nick := "alice-" + s.kind
			alice := node.Connect(stage, s.server, s.host, "alice", "demo")
			alice.Send("<presence/>")
			joined := alice.Join(s.room(network), nick)
			fmt.Printf("  %-8s -> %-8s  %s joined, is shown %d others and the topic %q\n", s.kind, network, nick,
				len(joined.Occupants), joined.Subject.TextOf("subject"))

			alice.Say(s.room(network), "hello from "+s.kind)
			mallory.ExpectFrom(nick, "PRIVMSG "+channel+" :hello from "+s.kind+"$")
			fmt.Printf("  %-8s -> %-8s  <%s> hello from %s\n", s.kind, network, nick, s.kind)

			mallory.Say(channel, "hello from "+network)
			alice.Expect(harness.Kind("message/groupchat"), harness.Body("hello from "+network))
			fmt.Printf("  %-8s <- %-8s  <mallory> hello from %s\n", s.kind, network, network)

			mallory.Say(nick, "between us")
			alice.Expect(harness.Kind("message/chat"), harness.Body("between us"))
			fmt.Printf("  %-8s <- %-8s  <mallory> (private) between us\n", s.kind, network)
			alice.Close()
			mallory.ExpectFrom(nick, "(PART|QUIT)")
			fmt.Printf("  %-8s -> %-8s  %s went offline, and left\n", s.kind, network, nick)
		}
		mallory.Close()
	}
}

// invite says how to join in.
func (w *world) invite() {
	fmt.Println("\nJoin in, from this machine, with any XMPP client (allow plain text: the demo has no certificates):")
	for _, s := range w.sites {
		fmt.Printf("\n  %s\n", s.kind)
		fmt.Printf("    account   bob@%s   password %s   server %s\n", s.host, harness.Password, s.server.Client)
		for _, network := range w.order {
			fmt.Printf("    room      %s\n", s.room(network))
		}
		if s.matrix != nil {
			fmt.Printf("    room      %s\n", s.lounge())
			fmt.Printf("    room      %s   which is also %s on %s, and %s\n", w.cafe.muc, w.cafe.channel, w.order[0], s.matrix.Alias("cafe"))
		}
		fmt.Printf("    its Isthmus was started by: bin/isthmus run -c %s\n", s.gateway.ConfigFile())
	}
	fmt.Println("\nor with any IRC client:")
	for _, network := range w.order {
		fmt.Printf("    %-9s server %s   channel %s\n", network, w.irc[network].Addr, channel)
	}
	hs := w.sites[0].matrix
	fmt.Printf("\nor with any Matrix client:\n    homeserver %s   account %s   password %q\n    room       %s\n",
		hs.URL, hs.ID("bob"), harness.MatrixPassword, hs.Alias(lounge))
	for _, network := range w.order {
		fmt.Printf("    channel    %s\n", w.sites[0].portal(network))
	}
	fmt.Printf("    the bridge %s (invite it to a chat, and write help)\n", hs.ID("isthmusbot"))
	fmt.Println("\nCtrl-C stops it all.")
}
