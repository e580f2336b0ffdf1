package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
	"isthmus/bridge/store"
	"isthmus/ircside"
	"isthmus/ircside/session"
	"isthmus/xmppside"
)

// ircOptions puts the file into the words of ircside.
func ircOptions(cfg *config.Config) (ircside.Options, error) {
	o := ircside.Options{
		Networks:          map[string]ircside.Network{},
		Unlisted:          cfg.Access.UnlistedNetworks,
		PrivateAddresses:  cfg.Access.PrivateAddresses,
		NetworksPerPerson: cfg.Limits.NetworksPerUser,
		RoomsPerPerson:    cfg.Limits.RoomsPerUser,
		Version:           "Isthmus " + version,
	}
	var err error
	if o.Others, err = ircNetwork(config.DefaultNetwork()); err != nil {
		return o, err
	}
	for name, n := range cfg.Networks {
		if o.Networks[name], err = ircNetwork(n); err != nil {
			return o, fmt.Errorf("network %s: %w", name, err)
		}
	}
	for _, l := range cfg.Links {
		for _, r := range l.Rooms {
			if n, irc := o.Networks[r.IRC]; irc {
				n.Mapped = append(n.Mapped, r.Channel)
				o.Networks[r.IRC] = n
			}
		}
	}
	return o, nil
}

var policies = map[string]ircside.Policy{
	config.PolicyOpen: ircside.PolicyOpen, config.PolicyMapped: ircside.PolicyMapped, config.PolicyConsent: ircside.PolicyConsent,
}

var gateways = map[string]ircside.Gateway{
	config.GatewaySessions: ircside.GatewaySessions, config.GatewayRelay: ircside.GatewayRelay,
}

func ircNetwork(n config.Network) (ircside.Network, error) {
	encoding, err := htmlindex.Get(n.Encoding)
	if err != nil {
		return ircside.Network{}, err
	}
	out := ircside.Network{
		TLS:             session.TLS{Roots: n.Roots, Insecure: n.TLSInsecure},
		Password:        string(n.Password),
		Nick:            n.Nick,
		Username:        n.Username,
		Realname:        n.RealName,
		Encoding:        encoding,
		Flood:           session.Flood(n.Flood),
		Sessions:        n.Sessions,
		ConnectBurst:    n.ConnectRate.Burst,
		ConnectInterval: n.ConnectRate.Interval,
		ReconnectFirst:  n.Reconnect.First,
		ReconnectMost:   n.Reconnect.Most,
		Linger:          n.Linger,
		Ping:            n.Ping,
		Policy:          policies[n.Policy],
		Gateway:         gateways[n.Gateway],
		Contact:         n.Contact,
		Bots:            n.Bots,
		NoStrangers:     n.PrivateMessages == config.MessagesKnown,
		Relay: ircside.Relay{
			Nick: n.Relay.Nick, Template: n.Relay.Template, Colour: n.Relay.Colour, Guard: n.Relay.Guard,
			Relaymsg: n.Relay.RelayMsg != "off", Account: n.Relay.Account, Password: string(n.Relay.Password),
		},
	}
	for _, a := range n.Addresses {
		out.Addresses = append(out.Addresses, session.Address{Host: a.Host, Port: strconv.Itoa(int(a.Port)), TLS: a.TLS()})
	}
	return out, nil
}

// xmppOptions puts the file into the words of xmppside.
func (g *gateway) xmppOptions(cfg *config.Config) xmppside.Options {
	o := xmppside.Options{
		Networks:        slices.Sorted(maps.Keys(cfg.Networks)),
		Unlisted:        cfg.Access.UnlistedNetworks,
		Matrix:          cfg.Matrix.On(),
		RoomsPerPerson:  cfg.Limits.RoomsPerUser,
		Allow:           cfg.Access.Allow,
		Deny:            cfg.Access.Deny,
		MessageBurst:    cfg.Limits.Messages.Burst,
		MessageInterval: cfg.Limits.Messages.Interval,
		RelayTemplate:   cfg.XMPP.Relay.Template,
		Key:             g.store.DeriveKey("occupant ids"),
		Version:         version,
		Logins:          g.store,
		Subscriptions:   g.store,
		LoginChanged:    g.irc.LoginChanged,
		Changed:         g.ready.changed,
		Log:             g.log,
	}
	for _, d := range cfg.XMPP.Domains {
		o.Domains = append(o.Domains, xmppside.Domain{
			Name: d.Name, Network: d.Network,
			Server: d.Server.Address(), TLS: d.Server.TLS(), Roots: cfg.XMPP.Roots,
			Secret: string(d.Secret),
		})
	}
	return o
}

// needsRestart reports whether a setting is only read at start.
func needsRestart(path string) bool {
	for _, at := range []string{"store.", "metrics", "control", "audit.", "log.format", "matrix.homeserver", "matrix.server_name", "matrix.registration", "matrix.listen", "matrix.media."} {
		if strings.HasPrefix(path, at) {
			return true
		}
	}
	return false
}

// links are the mapped rooms and the gateways: from each XMPP domain to the rooms, people and
// consoles of other networks, and from Matrix to those of IRC and XMPP.
func links(cfg *config.Config) []bridge.Link {
	all := mapping.Rules(mappings(cfg))
	add := func(name string, from bridge.LegRule, network, id string) {
		all = append(all, bridge.Link{Name: name, Legs: []bridge.LegRule{
			from, {Network: network, Room: id, Authority: true},
		}})
	}
	xmpp := func(room string) bridge.LegRule { return bridge.LegRule{Network: bridge.NetworkXMPP, Room: room} }
	matrix := func(room string) bridge.LegRule {
		return bridge.LegRule{Network: bridge.NetworkMatrix, Room: room}
	}
	if cfg.Matrix.On() {
		add("matrix to xmpp", matrix("~{room}%xmpp"), bridge.NetworkXMPP, "{room}")
		add("matrix", matrix("~{room}%{network}"), "{network}", "{room}")
		add("matrix console", matrix("~%{network}"), "{network}", "")
	}
	var shared []string // domains of all networks: what is seen from a bound one comes first
	for _, d := range cfg.XMPP.Domains {
		if d.Network == "" {
			shared = append(shared, d.Name)
			continue
		}
		add(d.Name, xmpp("{room}@"+d.Name), d.Network, "{room}")
		add(d.Name+" console", xmpp(d.Name), d.Network, "")
	}
	for _, domain := range shared {
		if cfg.Matrix.On() {
			add(domain+" matrix", xmpp("{room}%matrix@"+domain), bridge.NetworkMatrix, "{room}")
			add(domain+" matrix console", xmpp("matrix@"+domain), bridge.NetworkMatrix, "")
		}
		add(domain, xmpp("{room}%{network}@"+domain), "{network}", "{room}")
		add(domain+" console", xmpp("{network}@"+domain), "{network}", "")
	}
	return all
}

// logins shows the store to ircside.
type logins struct{ store *store.Store }

func (l logins) Login(ctx context.Context, who bridge.Person, network string) (ircside.Login, error) {
	stored, err := l.store.Login(ctx, who, network)
	if err != nil {
		return ircside.Login{}, err
	}
	login := ircside.Login{Nick: stored.Nick, Account: stored.Account, Password: stored.Password}
	if stored.Certificate != "" {
		cert, err := tls.X509KeyPair([]byte(stored.Certificate), []byte(stored.Certificate))
		if err != nil {
			return ircside.Login{}, fmt.Errorf("the stored certificate can't be used: %w", err)
		}
		login.Certificate = &cert
	}
	return login, nil
}

// consents shows the store to ircside.
type consents struct{ store *store.Store }

func (c consents) Consents(ctx context.Context) ([]ircside.Consent, error) {
	stored, err := c.store.Consents(ctx)
	all := make([]ircside.Consent, len(stored))
	for i, s := range stored {
		all[i] = ircside.Consent{Room: s.Room, Allowed: s.Allowed, By: s.Nick, Account: s.Account, At: s.At}
	}
	return all, err
}

func (c consents) SetConsent(ctx context.Context, s ircside.Consent) error {
	return c.store.SetConsent(ctx, store.Consent{Room: s.Room, Allowed: s.Allowed, Nick: s.By, Account: s.Account, At: s.At})
}
