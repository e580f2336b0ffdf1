package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"isthmus/e2e/harness"
)

// stage holds the servers that the scenarios share.
var stage harness.Stage

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("e2e: left out (-short)")
		return
	}
	// Scenarios wait more than they work. How many run at once is for lanes and
	// apart to say, not for the number of processors.
	if err := flag.Set("test.parallel", "64"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	stage.Close()
	os.Exit(code)
}

var (
	node     = sync.OnceValue(func() *harness.Driver { return harness.StartNode(&stage) })
	matrix   = sync.OnceValue(func() *harness.Driver { return harness.StartMatrixNode(&stage) })
	slixmpp  = sync.OnceValue(func() *harness.Driver { return harness.StartSlixmpp(&stage) })
	xmppKind = shared(harness.XMPPKinds, func(kind string) *harness.XMPPServer { return harness.StartXMPP(&stage, kind, nil) })
	ircKind  = shared(harness.IRCKinds, func(kind string) *harness.IRCServer { return harness.StartIRC(&stage, kind) })
	lanes    = shared(harness.XMPPKinds, func(kind string) chan string {
		free := make(chan string, harness.Lanes)
		for _, host := range xmppKind[kind]().Hosts {
			free <- host
		}
		return free
	})
)

// shared makes one value for each kind, when it is first asked for.
func shared[V any](kinds []string, start func(kind string) V) map[string]func() V {
	all := map[string]func() V{}
	for _, kind := range kinds {
		all[kind] = sync.OnceValue(func() V { return start(kind) })
	}
	return all
}

// Pairs of servers ("xmpp+irc") that a scenario runs on.
var (
	once      = []string{"prosody+inspircd"}
	eachXMPP  = []string{"prosody+inspircd", "ejabberd+inspircd"}
	eachIRC   = []string{"prosody+inspircd", "prosody+ngircd", "prosody+ergo"}
	everyPair = []string{"prosody+inspircd", "prosody+ngircd", "prosody+ergo", "ejabberd+inspircd", "ejabberd+ngircd", "ejabberd+ergo"}
)

// scenario is one test on one pair of servers, with a host of the XMPP server,
// names and a gateway to itself.
type scenario struct {
	*testing.T
	xmpp    *harness.XMPPServer
	irc     *harness.IRCServer
	host    string // where our users are
	gateway *harness.Isthmus
	number  int64
	channel string              // "#c7", one that is nobody else's
	room    string              // its JID
	hs      *harness.Homeserver // nil where Matrix has no part in it
	mapped  *mapped             // nil where no room is mapped
}

// network is the name of the IRC network in every scenario.
const network = "net"

var scenarios atomic.Int64

// on runs a scenario on pairs of the shared servers, all at once as far as
// there are free hosts.
func on(t *testing.T, pairs []string, run func(*scenario)) {
	t.Helper()
	configured(t, pairs, nil, run)
}

// configured is on, with a change to the gateway's configuration.
func configured(t *testing.T, pairs []string, change func(*scenario), run func(*scenario)) {
	t.Helper()
	each(t, pairs, change, run, func(t *testing.T, xmpp, irc string) *scenario {
		free := lanes[xmpp]()
		host := <-free
		t.Cleanup(func() { free <- host })
		return newScenario(t, xmppKind[xmpp](), ircKind[irc](), host)
	})
}

// apart is how many scenarios may have servers of their own at once.
var apart = make(chan struct{}, 2)

// alone runs a scenario on servers of its own, which it may kill.
func alone(t *testing.T, pairs []string, change func(*scenario), run func(*scenario)) {
	t.Helper()
	each(t, pairs, change, run, func(t *testing.T, xmpp, irc string) *scenario {
		apart <- struct{}{}
		t.Cleanup(func() { <-apart })
		const host = "lone.localhost"
		return newScenario(t, harness.StartXMPP(t, xmpp, []string{host}), harness.StartIRC(t, irc), host)
	})
}

// each runs a scenario on each pair of servers that can be had, as
// setUp prepares them for it.
func each(t *testing.T, pairs []string, change, run func(*scenario), setUp func(t *testing.T, xmpp, irc string) *scenario) {
	t.Helper()
	t.Parallel()
	for _, pair := range pairs {
		t.Run(pair, func(t *testing.T) {
			t.Parallel()
			xmpp, irc, _ := strings.Cut(pair, "+")
			if irc == "ergo" && !harness.HaveErgo() {
				t.Skip("Ergo could not be had (e2e/install.sh says why)")
			}
			s := setUp(t, xmpp, irc)
			if change != nil {
				change(s)
			}
			s.gateway.Start(t)
			run(s)
		})
	}
}

func newScenario(t *testing.T, xmpp *harness.XMPPServer, irc *harness.IRCServer, host string) *scenario {
	s := &scenario{T: t, xmpp: xmpp, irc: irc, host: host, number: scenarios.Add(1)}
	s.gateway = harness.NewIsthmus(t, xmpp, host, map[string]*harness.IRCServer{network: irc})
	s.channel = fmt.Sprintf("#c%d", s.number)
	s.room = s.at(s.channel)
	return s
}

// at is the JID of a channel, a nick or (for "") the network on the gateway.
func (s *scenario) at(name string) string {
	if name == "" {
		return network + "@" + s.gateway.Domain
	}
	return name + "%" + network + "@" + s.gateway.Domain
}

// nick makes a nick that nobody else on the shared server has.
func (s *scenario) nick(name string) string { return fmt.Sprintf("%s%d", name, s.number) }

// occupant is the JID of somebody in the scenario's room.
func (s *scenario) occupant(nick string) string { return s.room + "/" + nick }

// user logs in with @xmpp/client, asks for the roster and sends presence, as
// every client does.
func (s *scenario) user(name string) *harness.XMPP { return s.resource(name, "desk") }

// resource is user, with a choice of resource.
func (s *scenario) resource(name, resource string) *harness.XMPP {
	s.Helper()
	x := node().Connect(s.T, s.xmpp, s.host, name, resource)
	x.IQ("get", x.Bare, `<query xmlns="jabber:iq:roster"/>`)
	x.Send("<presence/>")
	return x
}

// native is an IRC user by a nick made of name, in the scenario's channel.
func (s *scenario) native(name string) *harness.IRC {
	s.Helper()
	c := s.irc.Dial(s.T, s.nick(name))
	c.Join(s.channel)
	return c
}

// joined is user, in the room by a nick made of their name.
func (s *scenario) joined(name string) (*harness.XMPP, string) {
	s.Helper()
	x, nick := s.user(name), s.nick(name)
	x.Join(s.room, nick)
	return x, nick
}

// word is prefix and number: one of a series of messages.
func word(prefix string, i int) string { return fmt.Sprintf("%s%d", prefix, i) }
