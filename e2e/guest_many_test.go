package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/e2e/harness"
)

// Many people of IRC come into a room at once, and go at once (a netsplit): the
// room bears it, and those in it can talk meanwhile. E2E_GUESTS says how many; with
// more than a thousand in a room, an ejabberd does not tell of all who come and go.
func TestManyGuests(t *testing.T) {
	many := 60
	if n, err := strconv.Atoi(os.Getenv("E2E_GUESTS")); err == nil {
		many = n
	}
	guestsOn(t, func(g *guests) {
		alice := g.native("alice")
		g.open(alice, g.room.ID, "alice", "")
		g.enter(bridge.Keeper, "bridge")
		// counted waits for so many facts, with alice saying something all the time.
		counted := func(what string, many int, fits func(bridge.Event) bool) {
			g.Helper()
			start, said, probes := time.Now(), time.Now(), 0
			var slowest time.Duration
			alice.Say(g.room.ID, word(what, probes))
			for n := 0; n < many; {
				g.seen = nil
				e := g.expect(fmt.Sprintf("%s, %d of %d", what, n, many), func(e bridge.Event) bool {
					_, failed := e.Body.(bridge.Failure)
					return failed || fits(e) || e.Name == "alice"
				})
				if f, failed := e.Body.(bridge.Failure); failed {
					g.Fatalf("%s: %+v", e.Ref, f)
				} else if fits(e) {
					n++
				} else if m, ok := e.Body.(bridge.Message); ok && m.Text == word(what, probes) {
					slowest, said = max(slowest, time.Since(said)), time.Now()
					probes++
					alice.Say(g.room.ID, word(what, probes))
				}
			}
			g.Logf("%d %s in %v; alice spoke %d times, and waited for %v at most", many, what, time.Since(start).Round(time.Millisecond), probes, slowest.Round(time.Millisecond))
		}
		for i := range many {
			g.askAs(ircUser(word("n", i)), word("n", i), word("j", i), g.room, bridge.Join{})
		}
		counted("joins", many, func(e bridge.Event) bool { _, in := e.Body.(bridge.Join); return in && e.Ref != "" })
		speak := min(many, 30)
		for i := range speak {
			g.askAs(ircUser(word("n", i)), word("n", i), word("m", i), g.room, bridge.Message{Text: "I am here"})
		}
		counted("words", speak, func(e bridge.Event) bool { _, said := e.Body.(bridge.Confirm); return said })
		start := time.Now()
		for i := range many {
			g.askAs(ircUser(word("n", i)), word("n", i), "", g.room, bridge.Leave{Reason: "*.net *.split"})
		}
		for i := range many {
			for gone := false; !gone; { // it takes an ejabberd or a Prosody its time, with a thousand
				gone = alice.ExpectWithin(harness.Patience, harness.From(g.room.ID+"/"+word("n", i)), harness.Kind("presence/unavailable")) != nil
				if !gone && time.Since(start) > 4*time.Minute {
					g.Fatal(word("n", i), " is still there: ", alice.Drain()[:20])
				}
			}
		}
		g.Logf("%d left in %v", many, time.Since(start).Round(time.Millisecond))
	})
}
