package e2e

import (
	"net"
	"testing"
	"time"

	"isthmus/e2e/fakehs"
	"isthmus/e2e/harness"
)

// onFake is a crossing with a homeserver that does what the scenario wants.
func onFake(t *testing.T, kind fakehs.Kind, run func(s *scenario, hs *fakehs.Server)) {
	t.Helper()
	var hs *fakehs.Server
	configured(t, once, func(s *scenario) {
		registration := fakehs.DefaultRegistration("hs.localhost")
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatalf("%v", err)
		}
		bridge := listener.Addr().String()
		listener.Close()
		registration.URL = "http://" + bridge
		file := s.TempDir() + "/registration.yaml"
		if err := registration.Write(file); err != nil {
			s.Fatalf("%v", err)
		}
		hs = fakehs.Start(s.T, fakehs.Options{Kind: kind, ServerName: "hs.localhost", Registration: registration, Retry: 100 * time.Millisecond})
		s.hs = &harness.Homeserver{URL: hs.URL, Name: hs.ServerName, Bridge: bridge, Registration: file}
		s.gateway.UseMatrix(s.hs)
	}, func(s *scenario) { run(s, hs) })
}

// Refusals that mean "later" (429, 502), answers that get lost, a homeserver
// that comes and goes, and one that is slow: each message crosses once, in
// order, in both directions.
func TestMatrixFaults(t *testing.T) {
	for name, kind := range map[string]fakehs.Kind{"synapse": fakehs.Synapse, "dendrite": fakehs.Dendrite} {
		t.Run(name, func(t *testing.T) {
			onFake(t, kind, func(s *scenario, hs *fakehs.Server) {
				alice, bob := s.user("alice"), hs.User("bob")
				room, jid := bob.CreateRoom(fakehs.RoomOptions{Alias: "room", Public: true}), s.matrixJID("#room")
				alice.Join(jid, "alice")
				const each = 5
				x, m := 0, 0
				for _, trouble := range []struct {
					name string
					make func()
				}{
					{"none", func() {}},
					{"429", func() { hs.Limit(5, 100*time.Millisecond) }},
					{"502", func() { hs.BadGateway(5) }},
					{"lost answers", func() { hs.LoseAnswers(3) }},
					{"killed", func() { hs.Add(fakehs.Fault{Method: "PUT", Path: "/send/", Times: 1, Killed: true}) }},
					{"reads that find nothing", func() { hs.Forget(3) }},
					{"slow", func() { hs.Add(fakehs.Fault{Path: "/send/", Times: 3, Delay: 300 * time.Millisecond}) }},
					{"away", func() { hs.Down(); time.AfterFunc(500*time.Millisecond, hs.Up) }},
				} {
					trouble.make()
					for range each {
						alice.Say(jid, word("x", x))
						bob.Say(room, word("m", m))
						x, m = x+1, m+1
					}
					for i := m - each; i < m; i++ {
						if e := alice.Expect(harness.From(jid+"/bob"), harness.BodyLike(`^m\d+$`)); e.TextOf("body") != word("m", i) {
							s.Fatalf("%s: XMPP got %s, not %d", trouble.name, e.TextOf("body"), i)
						}
						alice.Expect(harness.From(jid+"/alice"), harness.Body(word("x", x-m+i)))
					}
				}
				hs.Settle()
				for i, text := range hs.Messages(room, s.ghost("alice")) {
					if text != word("x", i) {
						s.Fatalf("Matrix got %q", hs.Messages(room, s.ghost("alice")))
					}
				}
				if got := len(hs.Messages(room, s.ghost("alice"))); got != x {
					s.Errorf("Matrix got %d of %d", got, x)
				}
				if again := numbers(bodies(alice.Drain()), "(?:x|m)"); len(again) > 0 {
					s.Errorf("more than once: %v", again)
				}
			})
		})
	}
}

// An event that comes a second time, behind newer ones, is shown once (a
// Dendrite after it was killed).
func TestMatrixOldEventLate(t *testing.T) {
	onFake(t, fakehs.Dendrite, func(s *scenario, hs *fakehs.Server) {
		alice, bob := s.user("alice"), hs.User("bob")
		room, jid := bob.CreateRoom(fakehs.RoomOptions{Alias: "room", Public: true}), s.matrixJID("#room")
		alice.Join(jid, "alice")
		old := bob.Say(room, "old")
		bob.Say(room, "new")
		alice.Expect(harness.From(jid+"/bob"), harness.Body("old"))
		alice.Expect(harness.From(jid+"/bob"), harness.Body("new"))
		hs.SendAgain(old)
		bob.Say(room, "newer")
		alice.Expect(harness.From(jid+"/bob"), harness.Body("newer"))
		alice.ExpectNone(harness.Body("old"))
	})
}

// What a Synapse had taken and not sent when it was killed, it never sends: the
// bridge asks for that when the homeserver is back.
func TestMatrixForfeited(t *testing.T) {
	onFake(t, fakehs.Synapse, func(s *scenario, hs *fakehs.Server) {
		alice, bob := s.user("alice"), hs.User("bob")
		room, jid := bob.CreateRoom(fakehs.RoomOptions{Alias: "room", Public: true}), s.matrixJID("#room")
		bob.Say(room, "before alice")
		alice.SendJoin(jid, "alice", `<history maxstanzas="0"/>`)
		alice.ExpectJoined(jid)
		bob.Say(room, "sent")
		alice.Expect(harness.From(jid+"/bob"), harness.Body("sent"))
		hs.Settle()
		hs.SetURL("")
		bob.Say(room, "forfeited")
		hs.Forfeit()
		hs.Down()
		alice.Say(jid, "is anybody there?")
		s.gateway.ExpectLog(s.T, "matrix: request.*error=.*connection refused")
		hs.SetURL("http://" + s.hs.Bridge)
		hs.Up()
		alice.Expect(harness.From(jid+"/bob"), harness.Body("forfeited"))
		alice.Expect(harness.From(jid+"/alice"), harness.Body("is anybody there?"))
		bob.Say(room, "sent again")
		alice.Expect(harness.From(jid+"/bob"), harness.Body("sent again"))
		alice.ExpectNone(harness.Body("sent"))
		alice.ExpectNone(harness.Body("before alice"))
	})
}

// A room of 20,000 is entered quickly, and shows those who matter (the policy
// "active").
func TestMatrixRoomOfThousands(t *testing.T) {
	onFake(t, fakehs.Synapse, func(s *scenario, hs *fakehs.Server) {
		alice, bob := s.user("alice"), hs.User("bob")
		room, jid := bob.CreateRoom(fakehs.RoomOptions{Alias: "big", Public: true}), s.matrixJID("#big")
		hs.Crowd(room, 20_000)
		began := time.Now()
		shown := alice.Join(jid, "alice")
		if took := time.Since(began); took > 10*time.Second { // the number itself is the bench's
			s.Errorf("entering took %v", took)
		}
		if len(shown.Occupants) > 1000 || shown.Occupants["bob"] == nil {
			s.Errorf("%d occupants are shown, bob %v", len(shown.Occupants), shown.Occupants["bob"])
		}
		alice.Say(jid, "hello crowd")
		hs.ExpectMessage(room, s.ghost("alice"), "hello crowd")
	})
}
