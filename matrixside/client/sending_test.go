package client

import (
	"context"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/e2e/fakehs"
)

// A message whose answer got lost is sent once, also where the homeserver has
// forgotten its transaction ids because it was killed.
func TestSendingOnce(t *testing.T) {
	for name, kind := range map[string]fakehs.Kind{"synapse": fakehs.Synapse, "dendrite": fakehs.Dendrite} {
		t.Run(name, func(t *testing.T) {
			hs := fakehs.Start(t, fakehs.Options{Kind: kind})
			c, err := New(Options{Homeserver: hs.URL, ServerName: hs.ServerName, ASToken: hs.Registration.ASToken, Bot: id.UserID(hs.Bot()),
				First: 10 * time.Millisecond, Most: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			room := hs.User("bob").CreateRoom(fakehs.RoomOptions{Public: true})
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := c.Do(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
				_, err := m.JoinRoomByID(ctx, id.RoomID(room))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			send := func(text string) id.EventID {
				s := Sending{Room: id.RoomID(room), Transaction: TransactionID(text, "", 0),
					Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text}}
				if err := c.Do(ctx, "", s.Try); err != nil {
					t.Fatal(err)
				}
				return s.Sent
			}
			send("one")
			hs.Add(fakehs.Fault{Method: "PUT", Path: "/send/", Times: 1, Killed: true})
			two := send("two")
			if got := hs.Messages(room, ""); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("%q", got)
			}
			if events := hs.Events(room); events[len(events)-1].ID != string(two) {
				t.Errorf("%s is not the event", two)
			}
		})
	}
}

// It goes where mautrix would send it, and says what mautrix would say, with the mark.
func TestSendingAddress(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:8008", "https://example.org/", "https://example.org/a%2Fb/c"} {
		c := connect(t, base)
		for _, as := range []id.UserID{ghost, "@xmpp_a=2fb+c_x.org:example.org", ""} {
			for _, part := range []string{"!r:example.org", "!a/b?c#d%2F:example.org", "..", "é "} {
				m := c.as(as, c.http)
				if got, want := address(m, "v3", part).String(), m.BuildClientURL("v3", part); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
		}
	}
	for content, want := range map[any]string{
		&event.MessageEventContent{MsgType: event.MsgText, Body: "a\"}"}: `{"msgtype":"m.text","body":"a\"}","org.isthmus.transaction":"t\"1"}`,
		struct{}{}: `{"org.isthmus.transaction":"t\"1"}`,
		"text":     "",
		nil:        "",
	} {
		got, err := (&Sending{Content: content, Transaction: `t"1`}).marked()
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
