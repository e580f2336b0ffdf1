package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is one line of the table. Some rows have two numbers; one without a
// target of its own is there to be seen.
type row struct {
	name    string // for -rows
	work    string
	unit    string
	digits  int
	targets []float64
	more    bool // more is better
}

// table is what Isthmus is to reach, in the order it is printed.
var table = []row{
	{"fanout-cpu", "one IRC line to 200 occupants, CPU per stanza", "µs", 2, []float64{6}, false},
	{"fanout-rate", "fan-out, stanzas/s", "", 0, []float64{150000}, true},
	{"fanout-latency", "fan-out, latency p50 over the 200", "ms", 2, []float64{2}, false},
	{"join-cpu", "200 users join one channel (40,000 presences), CPU per presence", "µs", 2, []float64{3}, false},
	{"bigjoin-cpu", "50 users join a channel of 5,000 members, CPU per presence", "µs", 2, []float64{3}, false},
	{"bigjoin-memory", "memory per session in a channel of 5,000 / with the list that all share", "KiB", 1, []float64{24}, false},
	{"split-cpu", "a netsplit of 500 members seen by 50 users, CPU per presence", "µs", 2, []float64{3}, false},
	{"send-cpu", "XMPP to IRC, 200 users with 8 lines each at once, CPU per message", "µs", 1, []float64{25}, false},
	{"send-latency", "XMPP to IRC, latency p50 on loopback", "ms", 2, []float64{0.33}, false},
	{"connect-cpu", "connect and join, CPU per user, 3,000 users", "ms", 2, []float64{0.3}, false},
	{"idle-memory", "memory per idle session (own connection, small channel, no TLS)", "KiB", 1, []float64{16}, false},
	{"start", "start to component handshake", "s", 3, []float64{0.05}, false},
	{"rss", "resident memory, idle / 50 users", "MiB", 0, []float64{25, 30}, false},
	{"matrix-fanout-cpu", "one Matrix message to 200 XMPP occupants, CPU per stanza", "µs", 2, []float64{6}, false},
	{"matrix-fanout-latency", "Matrix to 200 occupants, added latency p50", "ms", 2, []float64{3}, false},
	{"matrix-send-cpu", "XMPP to Matrix, CPU per message, at once / one at a time", "ms", 2, []float64{0.4, 0.4}, false},
	{"matrix-latency", "added latency p50, Matrix to XMPP / XMPP to Matrix", "ms", 2, []float64{3, 3}, false},
	{"matrix-irc-cpu", "IRC to Matrix, CPU per message, at once / one at a time", "ms", 2, []float64{0.4, 0.4}, false},
	{"matrix-irc-latency", "added latency p50, IRC to Matrix", "ms", 2, []float64{3}, false},
	{"matrix-crowd-time", "an XMPP user enters a room of 20,000, CPU, members by default / all", "s", 2, []float64{3}, false},
	{"matrix-crowd-memory", "what that leaves, members by default / all", "MiB", 1, []float64{10}, false},
	{"matrix-ghosts", "memory of 1,000 ghosts of 50 IRC natives for each room, of 3,000 more / the first", "MiB", 1, []float64{2}, false},
	{"matrix-visitors", "1,000 users of XMPP come into 20 rooms of Matrix, memory with theirs on XMPP", "MiB", 1, nil, false},
	{"matrix-rss", "resident memory, 50 Matrix users in a MUC of 50", "MiB", 0, []float64{40}, false},
	{"mapped-rate", "a room of three networks, 100 natives on each, lines/s", "", 0, []float64{2000}, true},
	{"mapped-cpu", "CPU per line then", "µs", 0, nil, false},
	{"mapped-latency", "latency p50 in it, IRC to MUC / MUC to IRC", "ms", 2, []float64{1, 1}, false},
	{"mapped-latency-p99", "the same, p99", "ms", 2, nil, false},
	{"mapped-matrix-latency", "latency p50 in it, IRC and MUC to Matrix / Matrix to IRC and MUC", "ms", 2, []float64{3, 3, 3, 3}, false},
	{"mapped-matrix-p99", "the same, p99", "ms", 2, nil, false},
	{"mapped-rss", "resident memory with it, everybody there", "MiB", 0, nil, false},
	{"mapped-crowd", "1,000 people of a channel speak at once and become occupants of a MUC, time / CPU", "s", 1, nil, false},
	{"mapped-crowd-memory", "resident memory then", "MiB", 0, nil, false},
	{"relay-in-cpu", "IRC to a MUC through one relay, CPU per line, 50 at once / one at a time", "µs", 0, []float64{30, 30}, false},
	{"relay-out-cpu", "a MUC to IRC through one relay, CPU per line, 50 at once / one at a time", "µs", 0, []float64{30, 30}, false},
	{"relay-latency", "latency p50 through one relay, IRC to MUC / MUC to IRC", "ms", 2, []float64{1, 1}, false},
	{"relay-rss", "resident memory with one mapping, idle / after 2,600 lines", "MiB", 0, nil, false},
	{"relay-flood", "of 50 lines at once to IRC, flood control as it comes: lost / out of order", "", 0, []float64{0, 0}, false},
	{"relay-flood-time", "until the last of them that comes", "s", 1, nil, false},
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
	fmt.Fprintln(tw, "work\tbiboumi\tmatterbridge\tisthmus\ttarget\tratio\t")
	var errs []string
	for _, row := range table {
		if !slices.Contains(wanted, row.name) {
			continue
		}
		cells := make(map[string]string)
		for _, kind := range []string{"biboumi", "matterbridge", "isthmus"} {
			m, measured := all[kind][row.name]
			switch {
			case !measured:
				cells[kind] = "-"
			case m.err != nil:
				cells[kind] = "FAILED"
				errs = append(errs, fmt.Sprintf("%s, %s: %v", row.name, kind, m.err))
			default:
				cells[kind] = row.show(m.values)
			}
		}
		peer := all["biboumi"][row.name]
		if peer.values == nil {
			peer = all["matterbridge"][row.name]
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t\n", row.work, cells["biboumi"], cells["matterbridge"], cells["isthmus"],
			row.goal(), row.compare(peer, all["isthmus"][row.name]))
	}
	tw.Flush()
	for _, e := range errs {
		fmt.Fprintln(w, e)
	}
	return len(errs) == 0
}

func (r row) show(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.FormatFloat(v, 'f', r.digits, 64)
	}
	return strings.TrimSpace(strings.Join(texts, " / ") + " " + r.unit)
}

func (r row) goal() string {
	if r.targets == nil {
		return "-"
	}
	sign := "≤ "
	if r.more {
		sign = "≥ "
	}
	for _, target := range r.targets {
		if target == float64(int(target)) {
			r.digits = 0
		}
	}
	return sign + r.show(r.targets)
}

// compare tells how many times better the second measure is, and whether it
// reaches the target.
func (r row) compare(theirs, ours measure) string {
	if ours.values == nil {
		return ""
	}
	verdict := "reached"
	for i, target := range r.targets {
		if ours.values[i] != target && (ours.values[i] < target) == r.more {
			verdict = "missed"
		}
	}
	if r.targets == nil {
		verdict = ""
	}
	if theirs.values == nil || theirs.values[0] == 0 || ours.values[0] == 0 {
		return verdict
	}
	ratio := theirs.values[0] / ours.values[0]
	if r.more {
		ratio = 1 / ratio
	}
	return fmt.Sprintf("%.1fx %s", ratio, verdict)
}
