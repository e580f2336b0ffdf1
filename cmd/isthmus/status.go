package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"isthmus/bridge"
	"isthmus/bridge/mapping"
	"isthmus/ircside"
)

// statusAnswer is how the gateway is.
type statusAnswer struct {
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Ready   bool      `json:"ready"`
	// Ways are to the XMPP server, one for each domain, and to the homeserver.
	Ways    []up                    `json:"ways"`
	IRC     []ircside.NetworkStatus `json:"irc"`
	Portals int                     `json:"conversations"`
	Links   []mapping.LinkStatus    `json:"links"`
}

func (g *gateway) status() statusAnswer {
	a := statusAnswer{
		Version: version, Since: g.since,
		IRC: g.irc.Status(), Portals: g.hub.Portals(), Links: g.maps.Status(),
	}
	a.Ways, a.Ready = g.ready.status()
	return a
}

func statusCommand() *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what the running gateway is connected to",
		Long: `Asks the running gateway which of its domains, networks and mapped rooms it is
joined to, who it is there, and why it is not where it should be. It ends with
status 1 when something is not joined.`,
		Example: "  isthmus status -c /etc/isthmus/isthmus.yaml\n  isthmus status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			var s statusAnswer
			if err := c.Get(cmd.Context(), "/status", nil, &s); err != nil {
				return err
			}
			if err := a.print(cmd.OutOrStdout(), s, s.print); err != nil {
				return err
			}
			if n := s.away(); n > 0 {
				return fmt.Errorf("not joined: %d", n)
			}
			return nil
		},
	}
	a.flags(cmd)
	return cmd
}

// away counts what is not joined.
func (s statusAnswer) away() (n int) {
	for _, w := range s.Ways {
		if !w.Up {
			n++
		}
	}
	for _, l := range s.Links {
		for _, r := range l.Rooms {
			if r.State != "joined" {
				n++
			}
		}
	}
	return n
}

func (s statusAnswer) print(out io.Writer) {
	ready := "not ready yet"
	if s.Ready {
		ready = "ready"
	}
	fmt.Fprintf(out, "isthmus %s, %s, for %s, conversations: %d\n\n", s.Version, ready, ago(s.Since), s.Portals)
	for _, w := range s.Ways {
		if w.Up {
			fmt.Fprintf(out, "%s\tup for %s\n", w.Name, ago(w.Since))
		} else {
			fmt.Fprintf(out, "%s\tdown for %s: %s\n", w.Name, ago(w.Since), w.Why)
		}
	}
	for _, n := range s.IRC {
		fmt.Fprintf(out, "%s\tsessions: %d", n.Name, n.Sessions)
		if n.Most > 0 {
			fmt.Fprintf(out, " of %d", n.Most)
		}
		if n.Keeper != "" {
			fmt.Fprintf(out, ", and the bridge as %s", n.Keeper)
		}
		if n.Opening > 0 {
			fmt.Fprintf(out, ", on their way: %d", n.Opening)
		}
		fmt.Fprintln(out)
		if !n.Held.IsZero() {
			fmt.Fprintf(out, "\t  nobody new connects until %s: %s\n", n.Held.Local().Format(time.TimeOnly), n.HeldWhy)
		}
		for _, u := range n.Unbridged {
			fmt.Fprintf(out, "\t  %s: unbridged by its operator %s on %s\n", u.Channel, u.By, u.At.Local().Format(time.DateOnly))
		}
	}
	for _, l := range s.Links {
		printLink(out, l)
	}
}

func printLink(out io.Writer, l mapping.LinkStatus) {
	fmt.Fprintf(out, "\nlink %s", l.Name)
	if len(l.Bans) > 0 {
		fmt.Fprintf(out, ", banned: %d", len(l.Bans))
	}
	fmt.Fprintln(out)
	for _, r := range l.Rooms {
		printRoom(out, r)
	}
}

// printRoom prints a room as a line, and what there is to say of it below.
func printRoom(out io.Writer, r mapping.RoomStatus) {
	fmt.Fprintf(out, "  %s\t%s", shown(r.Room), r.State)
	if r.State == "joined" {
		fmt.Fprintf(out, " as %s (%s), people: %d, puppets: %d, relayed: %d, messages: %d", r.Keeper, roles[r.Role],
			r.Natives, r.Puppets, r.Relayed, r.Delivered)
	} else {
		fmt.Fprintf(out, " for %s", ago(r.Since))
	}
	if r.Failed > 0 {
		fmt.Fprintf(out, ", failed: %d", r.Failed)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(out, ", waiting: %d", r.Waiting)
	}
	fmt.Fprintln(out)
	if r.Why != "" {
		fmt.Fprintf(out, "\t  %s", r.Why)
		if !r.Retry.IsZero() {
			fmt.Fprintf(out, " (again at %s)", r.Retry.Local().Format(time.TimeOnly))
		}
		fmt.Fprintln(out)
	}
	for _, i := range r.Ignored {
		fmt.Fprintf(out, "\t  %s is not carried on: %s\n", i.Name, i.Why)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "\t  %s\n", n)
	}
}

// roles are what the roles are called.
var roles = map[bridge.Role]string{
	bridge.RoleVisitor: "without voice", bridge.RoleParticipant: "without rights", bridge.RoleVoiced: "with voice",
	bridge.RoleHalfOp: "half-operator", bridge.RoleModerator: "moderator", bridge.RoleAdmin: "admin", bridge.RoleOwner: "owner",
}

// ago is for how long something has been so.
func ago(t time.Time) string {
	d := time.Since(t).Round(time.Second)
	switch {
	case t.IsZero():
		return "ever"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		d = d.Round(time.Minute)
		return strings.TrimSuffix(d.String(), "0s")
	}
	return d.String()
}
