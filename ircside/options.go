package ircside

import (
	"context"
	"crypto/tls"
	"time"

	"golang.org/x/text/encoding"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

// Options is all that can be set. Reload changes it while the side runs.
type Options struct {
	// Networks are the listed ones, by name.
	Networks map[string]Network
	// Unlisted lets people reach networks that aren't listed, as host or
	// host:port: with TLS on port 6697, or the given one; without only on 6667.
	Unlisted bool
	// Others is how networks are treated that aren't listed. Its Addresses
	// mean nothing.
	Others Network
	// PrivateAddresses lets unlisted networks be at addresses that are not of
	// the public Internet.
	PrivateAddresses bool
	// NetworksPerPerson and RoomsPerPerson are limits; 0 means none.
	NetworksPerPerson, RoomsPerPerson int
	// Version is what a CTCP VERSION is answered with.
	Version string
	// Consents keeps what operators say of us over a restart; nil keeps it no
	// longer than the side lives. Those that New is given count.
	Consents Consents
}

// Network is one IRC network.
type Network struct {
	Addresses []session.Address // tried in turn
	TLS       session.TLS
	Password  string // of the server
	// Nick, Username and Realname are who we say a person is; {nick} is the
	// name they wished for, {local} the localpart of what they are at home,
	// and {jid} all of it, be it a JID or a Matrix user id.
	Nick, Username, Realname string
	// Encoding is what is taken for the encoding of lines that are not UTF-8.
	Encoding encoding.Encoding
	Flood    session.Flood
	// Sessions is how many people may be connected at once, the keeper not
	// counted; 0 means no limit.
	Sessions int
	Relay    Relay
	Gateway  Gateway
	// ConnectBurst connections are opened at once, then one per ConnectInterval.
	ConnectBurst    int
	ConnectInterval time.Duration
	// ReconnectFirst and ReconnectMost bound the wait before another attempt.
	ReconnectFirst, ReconnectMost time.Duration
	Linger                        time.Duration // how long a session outlives its last room
	Ping                          time.Duration // silence until the server is asked for a sign of life; 0 means 2 min

	// Policy says which channels we may be in; Mapped are those of the links,
	// all that PolicyMapped has.
	Policy Policy
	Mapped []string
	// Contact is how to reach whoever runs the gateway, for the network's
	// operators: a URL, or words. "" tells nobody.
	Contact string
	// Bots marks everybody's session as a bot, not the keeper's alone, where
	// the server has a mode for that.
	Bots bool
	// NoStrangers keeps our people from writing to nicks in private who have
	// not written to them and are in no channel with them.
	NoStrangers bool
}

// Gateway is how the gateway's users, of XMPP and of Matrix, are in channels.
type Gateway uint8

// The kinds of Gateway. It holds for who comes from now on.
const (
	GatewaySessions Gateway = iota // each by a session of their own
	GatewayRelay                   // without: the keeper speaks for them
)

// Policy is which channels of a network we may be in.
type Policy uint8

// The policies. Under each of them an operator's "!unbridge" keeps us out.
const (
	PolicyOpen    Policy = iota // any that lets us in
	PolicyMapped                // those that are mapped
	PolicyConsent               // those of which an operator has agreed
)

// Consent is what a channel's operator said last of having us there.
type Consent struct {
	Room    bridge.Room // by the channel's name in small letters
	Allowed bool        // "!bridge"; else "!unbridge"
	By      string      // their nick
	Account string      // and the account that they were logged in to, "" for none
	At      time.Time
}

// Consents keeps the last word of each channel's operators.
type Consents interface {
	// Consents is asked once, before anybody enters a channel. It may block.
	Consents(context.Context) ([]Consent, error)
	// SetConsent keeps c in place of what was said of its room before.
	SetConsent(ctx context.Context, c Consent) error
}

// Login is how one person wants to be known on one network. Empty fields mean
// what Network says.
type Login struct {
	Nick, Account, Password string
	Certificate             *tls.Certificate
}

// Logins knows what people have set. The zero Login is for who set nothing.
type Logins interface {
	// Login is asked once for a person and network, when their first session
	// is opened; the answer holds until Side.LoginChanged. It may block.
	Login(ctx context.Context, who bridge.Person, network string) (Login, error)
}
