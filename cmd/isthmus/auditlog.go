package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"isthmus/bridge/audit"
	"isthmus/bridge/config"
	"isthmus/bridge/mapping"
)

func auditCommand() *cobra.Command {
	var path, link, person string
	var since time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Tell who moderated whom in mapped rooms",
		Long: `Prints the audit log: who kicked, banned or unbanned whom, changed a role or a topic,
in which room, and whether it took effect in each of the others or why not.
It reads the file itself, so that no gateway needs to run.`,
		Example: "  isthmus audit --link lounge --since 24h\n  isthmus audit --person troll --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := config.ReadFile(path)
			if err != nil {
				return err
			}
			_, file, err := config.Paths(path, data)
			if err != nil {
				return err
			}
			if file == "" {
				return fmt.Errorf("%s has audit.file: off", path)
			}
			return audit.Read(file, func(r mapping.AuditRecord) error {
				if link != "" && r.Link != link || since > 0 && time.Since(r.At) > since ||
					person != "" && r.Name != person && r.Actor != person && r.Target.ID != person && r.Target.String() != person {
					return nil
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
				}
				return printRecord(cmd.OutOrStdout(), r)
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "/etc/isthmus/isthmus.yaml", "configuration file")
	f.StringVar(&link, "link", "", "of this link only")
	f.StringVar(&person, "person", "", "to or by this person only: an address, NETWORK:NICK or a name")
	f.DurationVar(&since, "since", 0, "not older than this, as in 24h")
	f.BoolVar(&asJSON, "json", false, "write JSON, a record each line")
	return cmd
}

// printRecord prints an act as one line, and what it led to elsewhere as one
// line each.
func printRecord(out io.Writer, r mapping.AuditRecord) error {
	at := r.At.Local().Format(time.DateTime)
	if r.Room != r.From {
		_, err := fmt.Fprintf(out, "%s  %s:   %s of %s in %s: %s\n", at, r.Link, r.Action, named(r), shown(r.Room), r.Result)
		return err
	}
	by := r.Actor
	if by == "" {
		by = "somebody"
	}
	text := fmt.Sprintf("%s  %s: %s of %s by %s in %s", at, r.Link, r.Action, named(r), by, shown(r.From))
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	if r.Result != "done" {
		text += ": " + r.Result
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// named is who it was done to; of a topic, nobody.
func named(r mapping.AuditRecord) string {
	switch id := whoever(r.Target); {
	case id == "" && r.Name == "":
		return "the room"
	case id == "" || id == r.Name:
		return r.Name
	case r.Name == "":
		return id
	default:
		return r.Name + " (" + id + ")"
	}
}
