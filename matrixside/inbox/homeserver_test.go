package inbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/e2e/fakehs"
	"isthmus/matrixside/check"
	"isthmus/matrixside/client"
)

// kinds are the homeservers that everything must work with.
var kinds = map[string]fakehs.Kind{"Dendrite": fakehs.Dendrite, "Synapse": fakehs.Synapse}

// echoing is a bridge that answers each message "n…" with an echo by a ghost.
type echoing struct {
	*harness
	hs    *fakehs.Server
	store store.Inbox
	ghost id.UserID
	g     got
	end   context.CancelFunc
}

// begin starts a process of it; stop ends it.
func (e *echoing) begin(t *testing.T) {
	t.Helper()
	c, err := client.New(client.Options{Homeserver: e.hs.URL, ServerName: e.hs.ServerName, ASToken: e.hs.Registration.ASToken,
		Bot: id.UserID(e.hs.Bot()), First: time.Millisecond, Most: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	e.end = end
	e.harness = start(t, e.store, func(o *Options) {
		o.HSToken, o.Bot, o.Client = e.hs.Registration.HSToken, id.UserID(e.hs.Bot()), c
		o.Ephemeral = e.g.ephemeral
		o.Event = func(ev *event.Event, done func()) {
			text := ev.Content.AsMessage().Body
			if ev.Type == event.EventMessage && strings.HasPrefix(text, "n") {
				if e.echo(ctx, c, ev, text) != nil {
					return // the end has come: it is for the next process
				}
			}
			e.g.event(ev, done)
		}
	})
	e.hs.SetURL(e.url)
	checker := check.New(check.Options{Client: c, Inbox: e.in, ID: e.hs.Registration.ID, Ghosts: []id.UserID{e.ghost},
		Alias: id.RoomAlias(e.hs.Alias("irc_libera_none")), First: time.Millisecond, Most: 20 * time.Millisecond})
	var wg sync.WaitGroup
	wg.Go(func() { checker.Run(ctx) })
	stop := e.stop
	e.stop = func() {
		end()
		wg.Wait()
		stop()
	}
	t.Cleanup(e.stop)
	eventually(t, "all is well", func() bool { return checker.State().Phase == check.OK })
}

func (e *echoing) echo(ctx context.Context, c *client.Client, ev *event.Event, text string) error {
	sending := client.Sending{Room: ev.RoomID, Transaction: client.TransactionID(ev.ID.String(), e.ghost, 0),
		Content: &event.MessageEventContent{MsgType: event.MsgText, Body: "echo " + text}}
	return c.Do(ctx, e.ghost, sending.Try)
}

func setUpEcho(t *testing.T, kind fakehs.Kind) (e *echoing, bob *fakehs.User, room string) {
	t.Helper()
	hs := fakehs.Start(t, fakehs.Options{Kind: kind, AnswerWithin: 2 * time.Second})
	e = &echoing{hs: hs, ghost: id.UserID(hs.ID("irc_libera_rob")), store: openStore(t, filepath.Join(t.TempDir(), "db"))}
	e.begin(t)
	bob = hs.User("bob")
	room = bob.CreateRoom(fakehs.RoomOptions{Public: true})
	c := e.in.opt.Client
	for _, who := range []id.UserID{"", e.ghost} {
		if err := c.Do(t.Context(), who, func(ctx context.Context, m *mautrix.Client) error {
			_, err := m.JoinRoomByID(ctx, id.RoomID(room))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return e, bob, room
}

// Through all that happens to a homeserver and a bridge, no message is lost
// and none comes twice, in either direction, and all keep their order.
func TestNothingLost(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			e, bob, room := setUpEcho(t, kind)
			var want []string
			say := func(n int) {
				for range n {
					text := fmt.Sprint("n", len(want))
					want = append(want, "echo "+text)
					bob.Say(room, text)
				}
			}
			say(5)
			e.hs.BadGateway(7)
			say(5)
			e.hs.Limit(5, 5*time.Millisecond)
			say(5)
			e.hs.LoseAnswers(5)
			say(5)
			e.stop() // in the middle of it
			say(5)
			e.begin(t)
			// A bridge that was killed with an answer under way, and then a Dendrite
			// that forgets transaction ids: nobody can know what arrived then.
			e.hs.ExpectMessage(room, e.ghost.String(), want[len(want)-1])
			say(5)
			e.hs.Add(fakehs.Fault{Path: "/send/", Delay: 50 * time.Millisecond, Times: 3})
			say(5)
			e.hs.Down()
			time.Sleep(50 * time.Millisecond)
			e.hs.Up()
			last := bob.Say(room, "n again")
			want = append(want, "echo n again")
			e.hs.ExpectMessage(room, e.ghost.String(), "echo n again")
			e.hs.SendAgain(last)
			e.hs.Settle()
			if got := e.hs.Messages(room, e.ghost.String()); !slices.Equal(got, want) {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
			eventually(t, "all are done", func() bool { return len(waitingIDs(t, e.store)) == 0 })
		})
	}
}

// What is no event of a room, and a redaction, come whichever way the
// homeserver has for it.
func TestSignals(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			e, bob, room := setUpEcho(t, kind)
			said := bob.Say(room, "hello")
			private := bob.Say(room, "to be read in private")
			bob.Typing(room, true)
			bob.Read(room, said, false)
			bob.Read(room, private, true)
			bob.SetPresence("unavailable", "tea")
			bob.Redact(room, said)
			eventually(t, "all have come", func() bool {
				seen := map[string]bool{}
				for _, s := range e.g.signals() {
					switch s.Type {
					case event.EphemeralEventTyping:
						seen["typing"] = seen["typing"] || slices.Contains(s.Content.AsTyping().UserIDs, id.UserID(bob.ID))
					case event.EphemeralEventReceipt:
						for message, kinds := range *s.Content.AsReceipt() {
							if message.String() == private && kinds[event.ReceiptTypeRead] == nil || kinds[event.ReceiptTypeReadPrivate] != nil {
								t.Error("a private receipt: ", s.Content.Raw)
							}
							seen["receipt"] = seen["receipt"] || message.String() == said
						}
					case event.EphemeralEventPresence:
						seen["presence"] = seen["presence"] || s.Sender.String() == bob.ID && s.Content.AsPresence().StatusMessage == "tea"
					}
				}
				return seen["typing"] && seen["receipt"] && seen["presence"] && len(e.g.ids(room)) >= 5
			})
			e.hs.Settle()
			redactions := 0
			for _, ev := range e.hs.Events(room) {
				if ev.Type == "m.room.redaction" {
					if n := strings.Count(strings.Join(e.g.ids(room), " ")+" ", ev.ID+" "); n != 1 {
						t.Errorf("the redaction came %d times", n)
					}
					redactions++
				}
			}
			if redactions != 1 {
				t.Error(redactions, "redactions")
			}
		})
	}
}

// A ghost that may not enter gets to know why.
func TestRefusedJoin(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			e, bob, _ := setUpEcho(t, kind)
			private := bob.CreateRoom(fakehs.RoomOptions{JoinRule: "invite"})
			restricted := bob.CreateRoom(fakehs.RoomOptions{JoinRule: "restricted", Allow: private})
			for _, room := range []string{private, restricted} {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				err := e.in.opt.Client.Do(ctx, e.ghost, func(ctx context.Context, m *mautrix.Client) error {
					_, err := m.JoinRoomByID(ctx, id.RoomID(room))
					return err
				})
				cancel()
				if f := client.Failure(err); errors.Is(err, context.DeadlineExceeded) || f.Kind != bridge.ErrMembersOnly || f.Text == "" {
					t.Errorf("%+v: %v", f, err)
				}
			}
		})
	}
}
