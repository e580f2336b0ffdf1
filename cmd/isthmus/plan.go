package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"isthmus/bridge/config"
	"isthmus/bridge/control"
)

// maxPlan bounds a question, in bytes: a file, as JSON writes it.
const maxPlan = 32 << 20

// planQuestion is a file that might come.
type planQuestion struct {
	File string `json:"file"` // absolute
	Text []byte `json:"text"`
}

// planAnswer is what it would change.
type planAnswer struct {
	// Running tells that it is compared with what a gateway runs with, not with
	// an empty file.
	Running  bool         `json:"running"`
	File     string       `json:"file"`
	Problems []string     `json:"problems,omitempty"` // the file can't be used
	Warnings []string     `json:"warnings,omitempty"`
	Changes  []planChange `json:"changes"`
	Leaving  []leaving    `json:"leaving,omitempty"`
}

// planChange is one setting.
type planChange struct {
	Path    string `json:"path"`
	What    string `json:"what"` // added, removed, changed
	Old     string `json:"old,omitempty"`
	New     string `json:"new,omitempty"`
	Restart bool   `json:"restart,omitempty"` // it counts after one
}

// leaving is a place that people would have to leave.
type leaving struct {
	Place  string `json:"place"`
	Why    string `json:"why"`
	People int    `json:"people,omitempty"` // 0 where nobody has counted them: everybody there
	// Names are some of them.
	Names []string `json:"names,omitempty"`
}

func (l leaving) String() string {
	who := "everybody"
	if l.People > 0 {
		who = strconv.Itoa(l.People)
	}
	text := fmt.Sprintf("%s: %s would leave (%s)", l.Place, who, l.Why)
	if len(l.Names) > 0 {
		text += ": " + strings.Join(l.Names, ", ")
		if n := l.People - len(l.Names); n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
	}
	return text
}

// planNames is how many are named of each place.
const planNames = 10

// read reads the file as the process that asks may, or may not.
func (q planQuestion) read(a *planAnswer) *config.Config {
	a.File, a.Changes = q.File, []planChange{}
	next, err := config.Read(q.File, q.Text)
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			a.Problems = append(a.Problems, p.String())
		}
		return nil
	}
	for _, w := range next.Warnings() {
		a.Warnings = append(a.Warnings, w.String())
	}
	return next
}

func (a *planAnswer) compare(before, after *config.Config) {
	for _, c := range config.Diff(before, after) {
		p := planChange{Path: c.Path, What: "changed", Old: c.Old, New: c.New, Restart: a.Running && needsRestart(c.Path)}
		switch {
		case c.Old == "":
			p.What = "added"
		case c.New == "":
			p.What = "removed"
		}
		a.Changes = append(a.Changes, p)
	}
}

// plan compares a file that might come with what runs, and reads it as a reload
// would.
func (g *gateway) plan(q planQuestion) planAnswer {
	a := planAnswer{Running: true}
	next := q.read(&a)
	if next == nil {
		return a
	}
	g.mu.Lock()
	now := g.cfg
	g.mu.Unlock()
	a.compare(now, next)
	a.Leaving = slices.Concat(leavingDomains(now, next), g.leavingNetworks(now, next), g.leavingLinks(now, next))
	return a
}

// leavingLinks are the mapped rooms that people of other rooms would leave.
func (g *gateway) leavingLinks(now, next *config.Config) (all []leaving) {
	after := map[string]config.LinkRoom{}
	for _, l := range next.Links {
		for _, r := range l.Rooms {
			after[l.Name+" "+r.String()] = r
		}
	}
	for _, l := range now.Links {
		for _, r := range l.Rooms {
			then, stays := after[l.Name+" "+r.String()]
			why := "no room of the link " + l.Name + " any more"
			switch {
			case !stays:
			case r.As == config.AsPuppets && then.As == config.AsRelay:
				why = "people are relayed"
			default:
				continue
			}
			if out := g.guestsOf(r, stays); out.People > 0 {
				out.Why = why
				all = append(all, out)
			}
		}
	}
	return all
}

// guestsOf are the people of other rooms in a mapped room, or the puppets only.
func (g *gateway) guestsOf(r config.LinkRoom, puppets bool) leaving {
	out := leaving{Place: r.String()}
	for _, p := range g.maps.Explain(roomOf(r).String()) {
		puppet := strings.HasPrefix(p.How, "puppet") || p.How == "entering"
		if !puppet && (puppets || p.How != "relayed") {
			continue
		}
		if out.People++; len(out.Names) < planNames {
			out.Names = append(out.Names, p.Name)
		}
	}
	return out
}

// leavingDomains are the domains that are put up anew, or not any more.
func leavingDomains(now, next *config.Config) (all []leaving) {
	for _, d := range now.XMPP.Domains {
		i := slices.IndexFunc(next.XMPP.Domains, func(n config.Domain) bool { return n.Name == d.Name })
		switch {
		case i < 0:
			all = append(all, leaving{Place: d.Name, Why: "no domain any more"})
		case d.Server != next.XMPP.Domains[i].Server || d.Secret != next.XMPP.Domains[i].Secret:
			all = append(all, leaving{Place: d.Name, Why: "another way to the XMPP server"})
		}
	}
	return all
}

// leavingNetworks are the networks whose sessions would end.
func (g *gateway) leavingNetworks(now, next *config.Config) (all []leaving) {
	for _, n := range g.irc.Status() {
		_, was := now.Networks[n.Name]
		if _, is := next.Networks[n.Name]; was && !is && n.Sessions > 0 {
			all = append(all, leaving{Place: n.Name, Why: "no network any more", People: n.Sessions})
		}
	}
	return all
}

func planCommand() *cobra.Command {
	var a asking
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Tell what a changed configuration would change",
		Long: `Compares the configuration file with what the running gateway runs with, changes
nothing, and tells what a reload (SIGHUP) would add, remove and change, what of it
needs a restart, and who would have to leave. Where no gateway runs, it compares
with an empty file.`,
		Example: "  isthmus plan -c /etc/isthmus/isthmus.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.plan(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.print(cmd.OutOrStdout(), p, p.print); err != nil {
				return err
			}
			if p.Problems != nil {
				return fmt.Errorf("%s can't be used", a.config)
			}
			return nil
		},
	}
	a.flags(cmd)
	return cmd
}

// plan asks the running gateway, or, if there is none, compares with nothing.
func (a *asking) plan(ctx context.Context) (planAnswer, error) {
	var p planAnswer
	file, err := filepath.Abs(a.config)
	if err != nil {
		return p, err
	}
	text, err := config.ReadFile(file)
	if err != nil {
		return p, err
	}
	q := planQuestion{file, text}
	c, err := a.dial()
	if err != nil {
		return p, err
	}
	err = c.Post(ctx, "/plan", q, &p)
	if errors.Is(err, control.ErrNotRunning) {
		if next := q.read(&p); next != nil {
			p.compare(config.Default(), next)
		}
		err = nil
	}
	return p, err
}

func (p planAnswer) print(out io.Writer) {
	with := "what runs"
	if !p.Running {
		with = "nothing, for no isthmus is running"
	}
	for _, problem := range p.Problems {
		fmt.Fprintln(out, problem)
	}
	if p.Problems != nil {
		return
	}
	fmt.Fprintf(out, "%s, compared with %s:\n", p.File, with)
	for _, w := range p.Warnings {
		fmt.Fprintln(out, "  warning: "+w)
	}
	restart := map[string]bool{}
	for _, c := range p.Changes {
		mark := map[string]string{"added": "+", "removed": "-", "changed": "~"}[c.What]
		text := c.Path
		switch {
		case c.What == "changed":
			text += ": " + c.Old + " → " + c.New
		case c.What == "added" && c.New != "added":
			text += ": " + c.New
		}
		if c.Restart {
			restart[c.Path] = true
			text += " (after a restart)"
		}
		fmt.Fprintln(out, "  "+mark+" "+text)
	}
	for _, l := range p.Leaving {
		fmt.Fprintln(out, "  "+l.String())
	}
	switch {
	case len(p.Changes) == 0:
		fmt.Fprintln(out, "  nothing would change")
	case len(restart) > 0:
		fmt.Fprintf(out, "A restart is needed for %s; SIGHUP applies the rest.\n", strings.Join(slices.Sorted(maps.Keys(restart)), ", "))
	case p.Running:
		fmt.Fprintln(out, "SIGHUP applies it.")
	}
}
