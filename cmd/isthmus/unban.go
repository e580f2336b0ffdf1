package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"isthmus/bridge/mapping"
)

// unban is who may take part again, in which link; "" is all.
type unban struct {
	What string `json:"what"`
	Link string `json:"link"`
}

// unbanned is whose bans from which links were lifted.
type unbanned struct {
	What string                   `json:"what"`
	Bans map[string][]mapping.Ban `json:"bans"`
}

func unbanCommand() *cobra.Command {
	var a asking
	var link string
	cmd := &cobra.Command{
		Use:   "unban PERSON",
		Short: "Let somebody take part in mapped rooms again",
		Long: `Lifts the bans of somebody from mapped rooms, in all rooms of the link as far as the
bridge has the right. "isthmus status" lists them.

  PERSON   bob@example.org, @bob:example.org, libera:bob, or the name that they had`,
		Example: "  isthmus unban libera:bob\n  isthmus unban --link lounge bob",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.dial()
			if err != nil {
				return err
			}
			var u unbanned
			if err := c.Post(cmd.Context(), "/unban", unban{args[0], link}, &u); err != nil {
				return err
			}
			return a.print(cmd.OutOrStdout(), u, u.print)
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&link, "link", "", "only from this link")
	return cmd
}

func (u unbanned) print(out io.Writer) {
	if len(u.Bans) == 0 {
		fmt.Fprintf(out, "%s is not banned from a link.\n", u.What)
	}
	for _, link := range slices.Sorted(maps.Keys(u.Bans)) {
		for _, b := range u.Bans[link] {
			fmt.Fprintf(out, "%s\t%s (%s) may take part again; banned by %s in %s\n", link, b.Name, whoever(b.Person), b.By, shown(b.From))
		}
	}
}
