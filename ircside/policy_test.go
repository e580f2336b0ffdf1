package ircside

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
)

// shelf is a store of what operators said.
type shelf struct {
	mu   sync.Mutex
	all  map[bridge.Room]Consent
	fail error
	set  chan Consent
}

func newShelf(all ...Consent) *shelf {
	s := &shelf{all: map[bridge.Room]Consent{}, set: make(chan Consent, 10)}
	for _, c := range all {
		s.all[c.Room] = c
	}
	return s
}

func (s *shelf) Consents(context.Context) (all []Consent, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		all = append(all, c)
	}
	return all, s.fail
}

func (s *shelf) SetConsent(_ context.Context, c Consent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.all[c.Room] = c
		s.set <- c
	}
	return s.fail
}

// kept is the next word that is kept.
func (s *shelf) kept(t *testing.T) Consent {
	t.Helper()
	select {
	case c := <-s.set:
		return c
	case <-time.After(patience):
		t.Fatal("nothing was kept")
	}
	return Consent{}
}

func withPolicy(p Policy, s *shelf) func(*Options) {
	return func(o *Options) {
		n := o.Networks["net"]
		n.Policy, n.Mapped = p, []string{"#GO"}
		o.Networks["net"] = n
		if s != nil {
			o.Consents = s
		}
	}
}

// reload gives the side other settings of its network.
func (w *world) reload(change func(*Network)) {
	opts := w.opts
	n := opts.Networks["net"]
	change(&n)
	opts.Networks = map[string]Network{"net": n}
	w.side.Reload(opts)
}

// "!unbridge" takes everybody out at once and keeps them out, until an
// operator who is logged in takes it back.
func TestUnbridge(t *testing.T) {
	store := newShelf()
	w := newWorld(t, withPolicy(PolicyOpen, store))
	alice := aliceJoins(w)
	carol := carolJoins(w, alice)
	carol.fence()

	alice.send(":bob!b@h PRIVMSG #go :!Unbridge ")
	w.want("#go | bob says: !Unbridge ", `#go | <alice@x> leaves (part): bob said !unbridge: the bridge leaves this channel. by ""`,
		`#go | <carol@x> leaves (part): bob said !unbridge: the bridge leaves this channel. by ""`)
	for _, p := range []*peer{alice, carol} {
		p.expect("PART #go :bob said !unbridge: the bridge leaves this channel.")
	}
	if c := store.kept(t); c.Allowed || c.By != "bob" || c.Room != (bridge.Room{Network: "net", ID: "#go"}) || time.Since(c.At) > time.Minute {
		t.Errorf("%+v", c)
	}
	_ = alice.conn.Close()
	_ = carol.conn.Close()

	if s := w.side.Status(); len(s) != 1 || len(s[0].Unbridged) != 1 || s[0].Unbridged[0].By != "bob" {
		t.Errorf("%+v", s)
	}

	// The Keeper is there for who thinks better of it.
	keeper := w.accept()
	keeper.expect("NOTICE bob :#go is not bridged any more, and will not be again unless an operator says so")
	today := time.Now().UTC().Format("2 January 2006")
	for _, id := range []string{"#go", "#GO"} {
		w.side.Deliver(bridge.Event{ID: "j3", Room: bridge.Room{Network: "net", ID: id}, By: jid("dave"), Name: "dave", Body: bridge.Join{}})
		w.want(id + ` | failure "j3" kind 16: bob said !unbridge in ` + id + ` on ` + today + `. An operator of it can take that back: /invite isthmus ` + id + `, or /msg isthmus !bridge ` + id)
	}
	keeper.send(":erin!e@h PRIVMSG isthmus :!bridge #go")
	keeper.expect("WHOIS erin")
	keeper.send(":irc.test 319 isthmus erin :+#go @#other")
	keeper.send(":irc.test 318 isthmus erin :End")
	keeper.pong()
	keeper.expect("NOTICE erin :Only an operator of #go can say that.")
	keeper.send(":rob!r@h PRIVMSG isthmus :!bridge #go")
	keeper.expect("WHOIS rob")
	keeper.send(":irc.test 319 isthmus rob :#x ~@#Go")
	keeper.send(":irc.test 318 isthmus rob :End")
	keeper.pong()
	keeper.expect("NOTICE rob :Log in to your account first") // it has WHOX, and so accounts
	keeper.send(":rob!r@h PRIVMSG isthmus :!bridge #go")
	keeper.expect("WHOIS rob")
	keeper.send(":irc.test 319 isthmus rob :~@#Go")
	keeper.send(":irc.test 330 isthmus rob robert :is logged in as")
	keeper.send(":irc.test 318 isthmus rob :End")
	keeper.pong()
	keeper.expect("NOTICE rob :Thank you. #go may be bridged.")
	if c := store.kept(t); !c.Allowed || c.By != "rob" || c.Account != "robert" {
		t.Errorf("%+v", c)
	}
	w.want("#GO | rob calls <isthmus>") // as it is mapped
	keeper.send(":zoe!z@h INVITE isthmus #go")
	w.want("#GO | zoe calls <isthmus>")
	keeper.fence()
	w.deliver("j4", "dave", bridge.Join{})
	w.accept().expect("JOIN #go")
	w.nothing()
}

// Who has no power is answered now and then, by the Keeper if it is there, and
// nothing happens.
func TestUnbridgeWithoutPower(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	alice.send(":bob!b@h MODE #go +v bob")
	alice.send(":bob!b@h MODE #go -o bob")
	w.want("#go | bob role 2 by bob")
	alice.send(":bob!b@h PRIVMSG #go :!unbridge")
	w.want("#go | bob says: !unbridge")
	alice.fence()
	w.side.Deliver(bridge.Event{ID: "k", Room: room, By: bridge.Keeper, Name: "isthmus", Body: bridge.Join{}})
	keeper := w.accept()
	keeper.joined("isthmus alice +bob")
	w.want(`#go | <isthmus> joins as isthmus role 1 created false ref "k"`)
	for range 3 * ordersBurst {
		alice.send(":bob!b@h PRIVMSG #go :!unbridge")
		w.want("#go | bob says: !unbridge")
	}
	alice.send(":bob!b@h NOTICE #go :!unbridge")
	alice.send(":bob!b@h PRIVMSG #go :!unbridge please")
	w.want("#go | bob notes: !unbridge", "#go | bob says: !unbridge please")
	for range ordersBurst - 1 {
		keeper.expect("NOTICE bob :Only an operator of #go can say that.")
	}
	alice.fence()
	keeper.fence()
	w.nothing()
	if n := w.side.Counters.Unanswered.Load(); n != 2*ordersBurst+2 {
		t.Errorf("%d unanswered", n)
	}
	alice.send(":op!o@h MODE #go +h bob")
	alice.send(":bob!b@h PRIVMSG #go :!unbridge")
	const how = ` leaves (part): bob said !unbridge: the bridge leaves this channel. by ""`
	w.want("#go | bob role 3 by op", "#go | bob says: !unbridge", "#go | <alice@x>"+how, "#go | <isthmus>"+how)
	alice.expect("PART #go")
	keeper.expect("PART #go")
	keeper.expect("NOTICE bob :#go is not bridged any more")
}

// What was said stays in force over a restart. Nobody gets in while it can't
// be read.
func TestUnbridgedBefore(t *testing.T) {
	store := newShelf(Consent{Room: bridge.Room{Network: "net", ID: "#go"}, By: "bob", At: testTime})
	store.fail = errors.New("the database is away")
	w := newWorld(t, withPolicy(PolicyOpen, store))
	w.deliver("j1", "alice", bridge.Join{})
	w.want(`#go | failure "j1" kind 14: It can't be found out at the moment whether this channel lets us in.`)
	store.mu.Lock()
	store.fail = nil
	store.mu.Unlock()
	w.deliver("j1", "alice", bridge.Join{})
	w.want(`#go | failure "j1" kind 16: bob said !unbridge in #go on 2 January 2026. An operator of it can take that back: /invite isthmus #go, or /msg isthmus !bridge #go`)
}

// What can't be kept holds all the same, its operator hears of it, and it is
// kept when that works again.
func TestUnbridgeNotKept(t *testing.T) {
	store := newShelf()
	w := newWorld(t, withPolicy(PolicyOpen, store))
	alice := aliceJoins(w)
	store.mu.Lock()
	store.fail = errors.New("the database is away")
	store.mu.Unlock()
	alice.send(":bob!b@h PRIVMSG #go :!unbridge")
	w.want("#go | bob says: !unbridge", `#go | <alice@x> leaves (part): bob said !unbridge: the bridge leaves this channel. by ""`)
	alice.expect("PART #go")
	if l := w.accept().expect("NOTICE bob :#go is not bridged any more"); !strings.Contains(l, "can't be written down") {
		t.Error(l)
	}
	store.mu.Lock()
	store.fail = nil
	store.mu.Unlock()
	w.side.ledger.keepAgain()
	if c := store.kept(t); c.Allowed || c.By != "bob" {
		t.Errorf("%+v", c)
	}
}

func TestMappedOnly(t *testing.T) {
	w := newWorld(t, withPolicy(PolicyMapped, nil))
	alice := aliceJoins(w)
	w.side.Deliver(bridge.Event{ID: "j", Room: bridge.Room{Network: "net", ID: "#other"}, By: jid("alice"), Name: "alice", Body: bridge.Join{}})
	w.want(`#other | failure "j" kind 16: On net this gateway has only the channels that its administrator has linked.`)
	w.reload(func(n *Network) { n.Mapped = []string{"#other"} })
	w.want(`#go | <alice@x> leaves (part): On net this gateway has only the channels that its administrator has linked. by ""`)
	alice.expect("PART #go :On net")
}

// Where operators have to agree first, the Keeper waits to be called.
func TestConsent(t *testing.T) {
	store := newShelf()
	w := newWorld(t, withPolicy(PolicyConsent, store))
	w.deliver("j1", "alice", bridge.Join{})
	w.want(`#go | failure "j1" kind 16: No operator of #go has agreed yet that this gateway be there. One of them can: /invite isthmus #go, or /msg isthmus !bridge #go`)
	keeper := w.accept("CASEMAPPING=ascii PREFIX=(ov)@+") // without accounts
	keeper.send(":rob!r@h PRIVMSG isthmus :hello?")
	keeper.expect("NOTICE rob :I am a bridge")

	// It is a secret channel, of which WHOIS tells nothing: the Keeper takes a
	// look, and leaves.
	for _, sign := range []string{"+", "@"} {
		keeper.send(":rob!r@h INVITE isthmus #go")
		keeper.expect("WHOIS rob")
		keeper.send(":irc.test 318 isthmus rob :End")
		keeper.pong()
		keeper.expect("JOIN #go")
		keeper.send(":isthmus!u@h JOIN #go")
		keeper.send(":irc.test 353 isthmus @ #go :isthmus %srob", sign)
		keeper.send(":irc.test 366 isthmus #go :End")
		keeper.pong()
		keeper.expect("PART #go")
		if sign == "+" {
			keeper.expect("NOTICE rob :Only an operator of #go can let me in.")
			continue
		}
		keeper.expect("NOTICE rob :Thank you. #go may be bridged.")
	}
	if c := store.kept(t); !c.Allowed || c.By != "rob" || c.Account != "" {
		t.Errorf("%+v", c)
	}
	w.want("#GO | rob calls <isthmus>")
	w.deliver("j2", "alice", bridge.Join{})
	alice := w.accept()
	alice.joined("alice @bob")
	w.want("#go | members <alice@x>alice=1 bob=4 secret false", `#go | topic by "": `, `#go | <alice@x> joins as alice role 1 created false ref "j2"`)

	// It stands there again when it was thrown out by accident, and goes where
	// it is not needed any more.
	_ = keeper.conn.Close()
	keeper = w.accept()
	keeper.fence()
	w.reload(func(n *Network) { n.Policy = PolicyOpen })
	keeper.expect("QUIT")
}

func TestWordOf(t *testing.T) {
	for text, want := range map[string][]string{
		"!bridge": {"!bridge", ""}, " !UNBRIDGE  #go ": {"!unbridge", "#go"}, "!unbridged": {"", ""}, "say !bridge": {"", ""}, "": {"", ""},
	} {
		if word, rest := wordOf(text); !slices.Equal([]string{word, rest}, want) {
			t.Errorf("%q: %q %q", text, word, rest)
		}
	}
}

// One of ours may be an operator, too.
func TestUnbridgeByOneOfOurs(t *testing.T) {
	w := newWorld(t, nil)
	alice := aliceJoins(w)
	alice.send(":bob!b@h MODE #go +o alice")
	w.want("#go | <alice@x> role 4 by bob")
	w.deliver("m1", "alice", bridge.Message{Text: "!unbridge"})
	alice.expect("PRIVMSG #go !unbridge")
	alice.expect("PART #go")
	alice.pong()
	w.want(`#go | <alice@x> leaves (part): alice said !unbridge: the bridge leaves this channel. by ""`)
}

// Those for whom the Keeper is there go with it, and it stays on the network.
func TestUnbridgeRelayed(t *testing.T) {
	w := relayWorld(t)
	p := aliceLodges(w)
	p.send(":bob!b@h PRIVMSG #go :!unbridge")
	const how = ` leaves (part): bob said !unbridge: the bridge leaves this channel. by ""`
	w.want("#go | bob says: !unbridge", "#go | <isthmus>"+how, "#go | <alice@x>"+how)
	p.expect("PART #go")
	p.expect("NOTICE bob :#go is not bridged any more")
	p.send(":isthmus!u@h PART #go")
	w.deliver("j2", "alice", bridge.Join{})
	if e := <-w.events; e.Body.(bridge.Failure).Kind != bridge.ErrPolicy {
		t.Error(show(e))
	}
	p.fence()
}
