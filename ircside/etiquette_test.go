package ircside

import (
	"testing"

	"isthmus/bridge"
)

func withNetwork(change func(*Network)) func(*Options) {
	return func(o *Options) {
		n := o.Networks["net"]
		change(&n)
		o.Networks["net"] = n
	}
}

// Where a network asks for it nobody begins a conversation with somebody whom
// they don't meet.
func TestStrangers(t *testing.T) {
	w := newWorld(t, withNetwork(func(n *Network) { n.NoStrangers = true }))
	p := aliceJoins(w)
	const refused = "kind 16: On net you can write in private only to people who are in a channel with you, or who wrote to you first."
	w.private("m1", "alice", "dave", bridge.Message{Text: "hi"})
	w.want(`dave | failure "m1" ` + refused)
	w.private("m2", "alice", "", bridge.Message{Text: "PRIVMSG #go,dave :hi"})
	w.want(` | failure "m2" ` + refused)
	w.private("", "alice", "dave", bridge.Typing{On: true})
	for id, nick := range map[string]string{"m3": "bob", "m4": "nickserv"} {
		w.private(id, "alice", nick, bridge.Message{Text: "hi"})
		p.expect("PRIVMSG " + nick + " hi")
		p.pong()
		w.want(nick + ` | confirm "` + id + `" native ""`)
	}
	w.private("m5", "alice", "", bridge.Message{Text: "PRIVMSG NickServ@services.net :help"})
	p.expect("PRIVMSG NickServ@services.net help")
	p.pong()
	w.want(` | confirm "m5" native ""`)
	p.send(":Dave!d@h PRIVMSG alice :hello")
	w.want("dave | Dave says: hello")
	w.private("m6", "alice", "dave", bridge.Message{Text: "hi"})
	p.expect("PRIVMSG dave hi")
}

// A bot says that it is one, and everybody whom to talk to.
func TestManners(t *testing.T) {
	w := newWorld(t, withNetwork(func(n *Network) { n.Contact = "mailto:ops@example.org" }))
	w.side.Deliver(bridge.Event{ID: "j", Room: room, By: bridge.Keeper, Name: "isthmus", Body: bridge.Join{}})
	keeper := w.accept(inspircd + " BOT=B")
	keeper.expect("MODE isthmus +B")
	keeper.expect("JOIN #go")
	w.deliver("j1", "alice", bridge.Join{})
	alice := w.accept(inspircd + " BOT=B")
	alice.expect("JOIN #go")
	alice.send(":bob!b@h PRIVMSG alice :\x01VERSION\x01")
	alice.expect("NOTICE bob :\x01VERSION Isthmus test, contact mailto:ops@example.org\x01")
	alice.send(":bob!b@h PRIVMSG alice :\x01SOURCE\x01")
	alice.expect("NOTICE bob :\x01SOURCE mailto:ops@example.org\x01")
	alice.send(":bob!b@h PRIVMSG alice :\x01CLIENTINFO\x01")
	alice.expect("NOTICE bob :\x01CLIENTINFO ACTION")
	w.reload(func(n *Network) { n.Bots = true })
	w.deliver("j2", "carol", bridge.Join{})
	w.accept(inspircd + " BOT=B").expect("MODE carol +B")
}
