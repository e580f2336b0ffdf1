package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// row is one line of the table.
type row struct {
	name   string // for -rows
	work   string
	unit   string
	digits int
	target float64
	more   bool // more is better
	// What the extra number of a measure may be at most, in words.
	extraTarget string
}

// table is what Isthmus is to reach, in the order it is printed.
var table = []row{
	{name: "fanout-cpu", work: "one IRC line to 200 occupants, CPU per stanza", unit: "µs", digits: 2, target: 6},
	{name: "fanout-rate", work: "fan-out, stanzas/s", digits: 0, target: 150000, more: true},
	{name: "fanout-latency", work: "fan-out, latency p50 over the 200", unit: "ms", digits: 2, target: 2},
	{name: "join-cpu", work: "200 users join one channel (40,000 presences), CPU per presence", unit: "µs", digits: 2, target: 3},
	{name: "bigjoin-cpu", work: "50 users join a channel of 5,000 members, CPU per presence", unit: "µs", digits: 2, target: 3},
	{name: "bigjoin-memory", work: "memory per session in a channel of 5,000 (slope from the 2nd on)", unit: "KiB", digits: 1, target: 24},
	{name: "split-cpu", work: "a netsplit of 500 members seen by 50 users, CPU per presence", unit: "µs", digits: 2, target: 3},
	{name: "send-cpu", work: "XMPP to IRC, 200 users with 8 lines each at once, CPU per message", unit: "µs", digits: 1, target: 25},
	{name: "send-latency", work: "XMPP to IRC, latency p50 on loopback", unit: "ms", digits: 2, target: 0.33},
	{name: "connect-cpu", work: "connect and join, CPU per user, 3,000 users", unit: "ms", digits: 2, target: 0.3},
	{name: "idle-memory", work: "memory per idle session (own connection, small channel, no TLS)", unit: "KiB", digits: 1, target: 16},
	{name: "start", work: "start to component handshake", unit: "s", digits: 3, target: 0.05},
	{name: "rss", work: "resident memory, idle / 50 users", unit: "MiB", digits: 0, target: 25, extraTarget: "30"},
}

func rowNames() []string {
	names := make([]string, len(table))
	for i, r := range table {
		names[i] = r.name
	}
	return names
}

// printTable writes the rows wanted, and the errors below. It reports
// whether every row was measured.
func printTable(w io.Writer, wanted []string, all map[string]results) bool {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "work\tbiboumi\tisthmus\ttarget\tratio\t")
	var errs []string
	for _, row := range table {
		if !slices.Contains(wanted, row.name) {
			continue
		}
		cells := make(map[string]string)
		for _, kind := range []string{"biboumi", "isthmus"} {
			m, measured := all[kind][row.name]
			switch {
			case !measured:
				cells[kind] = "-"
			case m.err != nil:
				cells[kind] = "FAILED"
				errs = append(errs, fmt.Sprintf("%s, %s: %v", row.name, kind, m.err))
			default:
				cells[kind] = row.show(m.value, m.extra)
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t\n", row.work, cells["biboumi"], cells["isthmus"],
			row.goal(), row.compare(all["biboumi"][row.name], all["isthmus"][row.name]))
	}
	tw.Flush()
	for _, e := range errs {
		fmt.Fprintln(w, e)
	}
	return len(errs) == 0
}

func (r row) show(value float64, extra string) string {
	s := fmt.Sprintf("%.*f", r.digits, value)
	if extra != "" {
		s += " / " + extra
	}
	if r.unit != "" {
		s += " " + r.unit
	}
	return s
}

func (r row) goal() string {
	sign := "≤ "
	if r.more {
		sign = "≥ "
	}
	digits := r.digits
	if r.target == float64(int(r.target)) {
		digits = 0
	}
	r.digits = digits
	return sign + r.show(r.target, r.extraTarget)
}

// compare tells how many times better the second measure is, and whether it
// reaches the target.
func (r row) compare(theirs, ours measure) string {
	if ours.err != nil || ours.value == 0 {
		return ""
	}
	verdict := "reached"
	if r.more && ours.value < r.target || !r.more && ours.value > r.target {
		verdict = "missed"
	}
	if theirs.err != nil || theirs.value == 0 {
		return verdict
	}
	ratio := theirs.value / ours.value
	if r.more {
		ratio = 1 / ratio
	}
	return fmt.Sprintf("%.1fx %s", ratio, verdict)
}
