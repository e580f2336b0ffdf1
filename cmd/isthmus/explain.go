package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"isthmus/bridge/mapping"
)

// explanation is all that the mappings know of a room or somebody.
type explanation struct {
	What   string               `json:"what"`
	Rooms  []mapping.LinkStatus `json:"rooms,omitempty"` // the links that have the room, with that room alone
	People []mapping.Presence   `json:"people"`
}

// explain looks for a room or somebody by any of the names that are shown.
func (g *gateway) explain(what string) explanation {
	e := explanation{What: what, People: []mapping.Presence{}}
	room := roomNamed(what)
	for _, l := range g.maps.Status() {
		for _, r := range l.Rooms {
			if r.Room == room {
				e.Rooms = append(e.Rooms, mapping.LinkStatus{Name: l.Name, Rooms: []mapping.RoomStatus{r}, Bans: l.Bans})
			}
		}
	}
	if e.Rooms != nil {
		what = room.String()
	}
	e.People = append(e.People, g.maps.Explain(what)...)
	return e
}

func explainCommand() *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "explain ROOM|PERSON",
		Short: "Tell who speaks as whom in mapped rooms, and why somebody is not there",
		Long: `Asks the running gateway how a mapped room is and who is in it, or in which mapped
rooms somebody is, under what name, by what session, and why not.

  ROOM     lounge@conference.example.org, libera:#lounge, "#lounge:example.org"
  PERSON   bob@example.org, @bob:example.org, libera:bob, or a name in a room`,
		Example: "  isthmus explain libera:#lounge\n  isthmus explain @bob:example.org",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			var e explanation
			if err := c.Get(cmd.Context(), "/explain", url.Values{"what": args}, &e); err != nil {
				return err
			}
			return a.print(cmd.OutOrStdout(), e, e.print)
		},
	}
	a.flags(cmd)
	return cmd
}

func (e explanation) print(out io.Writer) {
	for _, l := range e.Rooms {
		fmt.Fprintf(out, "link %s\n", l.Name)
		printRoom(out, l.Rooms[0])
	}
	if len(e.Rooms) == 0 && len(e.People) == 0 {
		fmt.Fprintf(out, "%s is no mapped room, and nobody of that name is in one.\n", e.What)
	}
	for _, p := range e.People {
		if len(e.Rooms) == 0 {
			fmt.Fprintf(out, "%s\t", shown(p.Room))
		}
		fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", p.Name, p.How, whoever(p.Who), p.Why)
	}
}
