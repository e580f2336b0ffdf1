package session

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// offerSASL brings the session to where AUTHENTICATE begins.
func (w *world) offerSASL(value string) {
	w.Helper()
	w.hello()
	w.srv.send(":irc.test CAP * LS :sasl" + value)
	w.srv.expect("CAP REQ sasl")
	w.srv.send(":irc.test CAP * ACK :sasl")
}

func (w *world) wantLogin(account string) {
	w.Helper()
	w.srv.send(":irc.test 900 * * "+account+" :You are now logged in", ":irc.test 903 * :SASL authentication successful")
	w.srv.expect("CAP END")
	w.srv.send(":irc.test 001 alice :Welcome", ":irc.test 422 alice :no MOTD")
	w.h.heard()
	if w.s.Account() != account || w.h.ready != 1 {
		w.Errorf("account %q, ready %d", w.s.Account(), w.h.ready)
	}
	if w.s.cfg.SASL != (SASL{}) {
		w.Error("the password is kept")
	}
}

func TestPlain(t *testing.T) {
	inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw", AllowPlain: true}}, func(w *world) {
		w.offerSASL("=EXTERNAL,PLAIN")
		w.srv.expect("AUTHENTICATE PLAIN")
		w.srv.send("AUTHENTICATE +")
		w.srv.expect("AUTHENTICATE " + b64("\x00acc\x00pw"))
		w.wantLogin("acc")
	})
}

// TestPlainNeedsTLS: the password does not go over the wire in the clear.
func TestPlainNeedsTLS(t *testing.T) {
	inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw"}}, func(w *world) {
		w.offerSASL("=PLAIN")
		w.wantKind(BadLogin, false)
		w.srv.silent0()
	})
}

// silent0 checks that nothing more came before the client hung up.
func (f *fake) silent0() {
	f.t.Helper()
	for got := range f.lines {
		f.t.Errorf("client sent %q, want nothing", got)
	}
}

// TestChunks: answers of 400 bytes and more are cut, a full last one is
// followed by "+".
func TestChunks(t *testing.T) {
	for _, c := range []struct {
		length int // of the password
		chunks []int
	}{
		{10, []int{20}}, {292, []int{396}}, {295, []int{400, 1}}, {300, []int{400, 8}}, {595, []int{400, 400, 1}},
	} {
		password := strings.Repeat("p", c.length)
		inBubble(t, Config{SASL: SASL{Account: "acc", Password: password, AllowPlain: true}}, func(w *world) {
			w.offerSASL("=PLAIN")
			w.srv.expect("AUTHENTICATE PLAIN")
			w.srv.send("AUTHENTICATE +")
			var whole string
			for _, want := range c.chunks {
				chunk, ok := strings.CutPrefix(<-w.srv.lines, "AUTHENTICATE ")
				if !ok || len(chunk) != want {
					t.Errorf("password of %d: chunk of %d, want %d", c.length, len(chunk), want)
				}
				whole += strings.TrimPrefix(chunk, "+")
			}
			if whole != b64("\x00acc\x00"+password) {
				t.Errorf("password of %d: the chunks are not the answer", c.length)
			}
			w.wantLogin("acc")
		})
	}
}

func TestExternal(t *testing.T) {
	cfg := Config{SASL: SASL{External: true}, TLS: TLS{Certificate: &tls.Certificate{}}}
	inBubble(t, cfg, func(w *world) {
		w.offerSASL("")
		w.srv.expect("AUTHENTICATE EXTERNAL")
		w.srv.send("AUTHENTICATE +")
		w.srv.expect("AUTHENTICATE +")
		w.wantLogin("acc")
	})
}

// scramServer is a server's half of SCRAM-SHA-256.
func scramServer(t *testing.T, account, password string, iterations int) *scram.ServerConversation {
	client, err := scram.SHA256.NewClient(account, password, "")
	if err != nil {
		t.Fatal(err)
	}
	stored := client.GetStoredCredentials(scram.KeyFactors{Salt: "salt", Iters: iterations})
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		t.Fatal(err)
	}
	return server.NewConversation()
}

// scramStep feeds the client's message to the server and sends what it says.
func (w *world) scramStep(server *scram.ServerConversation) {
	w.Helper()
	text := strings.TrimPrefix(<-w.srv.lines, "AUTHENTICATE ")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		w.Fatal(err)
	}
	answer, _ := server.Step(string(raw))
	w.srv.send("AUTHENTICATE " + b64(answer))
}

func TestSCRAM(t *testing.T) {
	inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw"}}, func(w *world) {
		server := scramServer(t, "acc", "pw", 4096)
		w.offerSASL("=PLAIN,SCRAM-SHA-256")
		w.srv.expect("AUTHENTICATE SCRAM-SHA-256")
		w.srv.send("AUTHENTICATE +")
		w.scramStep(server)
		w.scramStep(server)
		w.srv.expect("AUTHENTICATE +")
		w.wantLogin("acc")
	})
}

func TestSCRAMWrongPassword(t *testing.T) {
	inBubble(t, Config{SASL: SASL{Account: "acc", Password: "wrong"}}, func(w *world) {
		server := scramServer(t, "acc", "pw", 4096)
		w.offerSASL("=SCRAM-SHA-256")
		w.srv.expect("AUTHENTICATE SCRAM-SHA-256")
		w.srv.send("AUTHENTICATE +")
		w.scramStep(server)
		<-w.srv.lines
		w.srv.send(":irc.test 904 * :SASL authentication failed")
		if err := w.wantKind(BadLogin, false); err.Text != "SASL authentication failed" {
			t.Errorf("text %q", err.Text)
		}
	})
}

// TestSCRAMUnproven: a server that says "welcome" without knowing the password
// is not believed, and does not get it by PLAIN either.
func TestSCRAMUnproven(t *testing.T) {
	inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw", AllowPlain: true}}, func(w *world) {
		w.offerSASL("=PLAIN,SCRAM-SHA-256")
		w.srv.expect("AUTHENTICATE SCRAM-SHA-256")
		w.srv.send(":irc.test 903 * :SASL authentication successful")
		w.wantKind(BadLogin, false)
		w.srv.silent0()
	})
}

func TestSCRAMBadServers(t *testing.T) {
	for name, first := range map[string]string{
		"too much work":   "r=%s,s=c2FsdA==,i=100000000",
		"too little work": "r=%s,s=c2FsdA==,i=1",
		"foreign nonce":   "r=x,s=c2FsdA==,i=4096",
		"garbage":         "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw", AllowPlain: true}}, func(w *world) {
				w.offerSASL("=PLAIN,SCRAM-SHA-256")
				w.srv.expect("AUTHENTICATE SCRAM-SHA-256")
				w.srv.send("AUTHENTICATE +")
				raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(<-w.srv.lines, "AUTHENTICATE "))
				_, nonce, _ := strings.Cut(string(raw), "r=")
				w.srv.send("AUTHENTICATE " + b64(strings.Replace(first, "%s", nonce+"srv", 1)))
				w.srv.expect("AUTHENTICATE *")
				w.srv.send(":irc.test 906 * :SASL authentication aborted")
				w.wantKind(BadLogin, false)
			})
		})
	}
}

// TestNextMechanism goes from one mechanism to the next, as far as the server
// has them.
func TestNextMechanism(t *testing.T) {
	cfg := Config{SASL: SASL{Account: "acc", Password: "pw", External: true, AllowPlain: true},
		TLS: TLS{Certificate: &tls.Certificate{}}}
	inBubble(t, cfg, func(w *world) {
		w.offerSASL("")
		w.srv.expect("AUTHENTICATE EXTERNAL")
		w.srv.send(":irc.test 908 * PLAIN,EXTERNAL :are available SASL mechanisms",
			":irc.test 904 * :SASL authentication failed")
		w.srv.expect("AUTHENTICATE PLAIN")
		w.srv.send("AUTHENTICATE +")
		w.srv.expect("AUTHENTICATE " + b64("\x00acc\x00pw"))
		w.wantLogin("acc")
	})
}

// TestNotLoggedIn: all the ways of not logging in.
func TestNotLoggedIn(t *testing.T) {
	for _, c := range []struct {
		name  string
		offer func(w *world)
	}{
		{"no CAP", func(w *world) {
			w.hello()
			w.srv.send(":irc.test 001 alice :Welcome", ":irc.test 422 alice :no MOTD")
		}},
		{"not offered", func(w *world) {
			w.hello()
			w.srv.send(":irc.test CAP * LS :multi-prefix")
		}},
		{"refused", func(w *world) {
			w.hello()
			w.srv.send(":irc.test CAP * LS :sasl")
			w.srv.expect("CAP REQ sasl")
			w.srv.send(":irc.test CAP * NAK :sasl")
		}},
		{"no mechanism", func(w *world) { w.offerSASL("=ECDSA-NIST256P-CHALLENGE") }},
		{"wrong password", func(w *world) {
			w.offerSASL("=PLAIN")
			w.srv.expect("AUTHENTICATE PLAIN")
			w.srv.send(":irc.test 904 * :SASL authentication failed")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{SASL: SASL{Account: "acc", Password: "pw", AllowPlain: true}}, func(w *world) {
				c.offer(w)
				w.wantKind(BadLogin, false)
			})
		})
	}
}
