package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/matrixside"
	"isthmus/matrixside/check"
	"isthmus/matrixside/client"
	"isthmus/matrixside/inbox"
	"isthmus/matrixside/media"
	"isthmus/matrixside/names"
)

// newMatrix makes the side of Matrix, for a homeserver that there is.
func (g *gateway) newMatrix(cfg *config.Config) (_ *matrixside.Side, err error) {
	m := cfg.Matrix
	ours := names.Names{Server: m.ServerName, Bot: m.Registration.Localpart}
	g.homeserver, err = client.New(client.Options{
		Homeserver: m.Homeserver, ServerName: m.ServerName, ASToken: string(m.Registration.ASToken),
		Bot: ours.BotID(), Log: g.log,
	})
	if err != nil {
		return nil, err
	}
	g.media, err = media.New(media.Options{
		Client: g.homeserver, PublicURL: m.Media.PublicURL, Key: g.store.DeriveKey("links to files"),
		Expire: m.Media.Expire, MaxSize: int64(m.Media.Most), AllowPrivate: cfg.Access.PrivateAddresses, Log: g.log,
	})
	if err != nil {
		return nil, err
	}
	return matrixside.New(g.hub, g.matrixOptions(cfg))
}

// newCheck makes what finds out whether the homeserver and we know each other.
func (g *gateway) newCheck(cfg *config.Config) *check.Checker {
	m := cfg.Matrix
	ours := names.Names{Server: m.ServerName, Bot: m.Registration.Localpart}
	return check.New(check.Options{
		Client: g.homeserver, Inbox: g.matrix.Inbox(), ID: m.Registration.ID, URL: m.Registration.URL, Listen: m.Listen.Address(),
		Ghosts: []id.UserID{
			ours.Ghost(bridge.Person{Network: bridge.NetworkXMPP, ID: "isthmus@invalid"}),
			ours.Ghost(bridge.Person{Network: "isthmus", ID: "isthmus"}),
		},
		// A room of ours is none that Matrix users could have.
		Alias: ours.Alias("~isthmus@" + cfg.XMPP.Domains[0].Name + "%" + bridge.NetworkXMPP),
		Changed: func(s check.State) {
			if s.Phase == check.OK {
				g.ready.changed(homeserver, nil)
				return
			}
			g.ready.changed(homeserver, errors.New(s.Text))
		},
		Log: g.log,
	})
}

// matrixOptions puts the file into the words of matrixside.
func (g *gateway) matrixOptions(cfg *config.Config) matrixside.Options {
	m := cfg.Matrix
	o := matrixside.Options{
		Names:  names.Names{Server: m.ServerName, Bot: m.Registration.Localpart},
		Client: g.homeserver,
		Media:  g.media,
		Inbox: inbox.Options{
			Listen: m.Listen.Address(), HSToken: string(m.Registration.HSToken),
			Bot: id.NewUserID(m.Registration.Localpart, m.ServerName), Store: g.store, Client: g.homeserver, Log: g.log,
		},
		Messages:      g.store,
		Rooms:         g.store,
		Ghosts:        g.store,
		Allow:         m.Allow,
		MembersMost:   m.Members.Most,
		MembersBeyond: matrixside.MembersPolicy(m.Members.Beyond),
		Portals: matrixside.PortalOptions{
			Networks:  slices.Sorted(maps.Keys(cfg.Networks)),
			Unlisted:  cfg.Access.UnlistedNetworks,
			XMPP:      true,
			Published: m.Published, Spaces: m.Spaces,
			RoomsPerUser: cfg.Limits.RoomsPerUser,
		},
		Logins:       g.store,
		LoginChanged: g.irc.LoginChanged,
		Log:          g.log,
	}
	for _, d := range cfg.XMPP.Domains {
		o.Portals.OwnDomains = append(o.Portals.OwnDomains, d.Name)
	}
	return o
}

// runMatrix is the side of Matrix until ctx ends.
func (g *gateway) runMatrix(ctx context.Context) {
	if err := g.matrix.Run(ctx); err != nil {
		g.fail(err)
	}
}
