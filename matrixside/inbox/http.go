package inbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"
)

const (
	// transactionBound is how long a transaction may be, in bytes: a hundred
	// events of 64 KiB, the most that homeservers send, and as much again.
	transactionBound = 32 << 20
	// bodyPatience is how long one may take to arrive.
	bodyPatience = time.Minute

	apiRoot = "/_matrix/app/"
)

// methods are how things are asked for.
var methods = map[string]string{"transactions": http.MethodPut, "users": http.MethodGet, "rooms": http.MethodGet, "ping": http.MethodPost}

// ServeHTTP implements http.Handler: the application service API
// (§2.2 to §2.5 of its specification), and Options.More.
func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, arg, ours := route(r.URL.Path)
	if !ours && !strings.HasPrefix(r.URL.Path, apiRoot) {
		in.more(w, r)
		return
	}
	if !in.trusted(w, r) {
		return
	}
	if !ours {
		in.more(w, r)
		return
	}
	if r.Method != methods[what] {
		refuse(w, http.StatusMethodNotAllowed, "M_UNRECOGNIZED", "That is asked for with "+methods[what]+".")
		return
	}
	switch what {
	case "transactions":
		in.transaction(w, r, arg)
	case "users":
		found(w, in.opt.User != nil && in.opt.User(r.Context(), id.UserID(arg)))
	case "rooms":
		found(w, in.opt.Alias != nil && in.opt.Alias(r.Context(), id.RoomAlias(arg)))
	case "ping": // §2.5.1
		in.log.Debug("matrix: the homeserver answered our ping")
		answer(w, http.StatusOK, struct{}{})
	}
}

// route splits a path into what is asked for and of whom. Homeservers from
// before version 1.0 of the API left out the root.
func route(path string) (what, arg string, ours bool) {
	rest, current := strings.CutPrefix(path, apiRoot+"v1/")
	if !current {
		rest = strings.TrimPrefix(path, "/")
	}
	what, arg, has := strings.Cut(rest, "/")
	switch what {
	case "transactions", "users", "rooms":
		return what, arg, has && arg != ""
	case "ping":
		return what, "", current && !has
	}
	return "", "", false
}

func (in *Inbox) more(w http.ResponseWriter, r *http.Request) {
	if in.opt.More != nil {
		in.opt.More.ServeHTTP(w, r)
		return
	}
	refuse(w, http.StatusNotFound, "M_UNRECOGNIZED", "There is nothing here.")
}

// trusted reports whether the request shows the token that only the
// homeserver has; if not, it has been refused.
func (in *Inbox) trusted(w http.ResponseWriter, r *http.Request) bool {
	token, shown := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !shown { // as older homeservers do
		token = r.URL.Query().Get("access_token")
	}
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(in.opt.HSToken))
	switch {
	case token == "":
		in.Counters.Strangers.Add(1)
		refuse(w, http.StatusUnauthorized, "M_MISSING_TOKEN", "Only the homeserver may ask, with its hs_token.")
	case in.opt.HSToken == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1:
		in.Counters.Strangers.Add(1)
		refuse(w, http.StatusForbidden, "M_FORBIDDEN", "That is not the hs_token of the bridge's registration.")
	default:
		in.Counters.Trusted.Add(1)
		return true
	}
	return false
}

// transaction answers PUT /transactions/{name} (§2.3.1).
func (in *Inbox) transaction(w http.ResponseWriter, r *http.Request, name string) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience)) // a recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, transactionBound))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, http.StatusRequestEntityTooLarge, "M_TOO_LARGE", "A transaction may have 32 MiB.")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "M_NOT_JSON", "The transaction did not arrive whole.")
		return
	}
	var t transaction
	if err := json.Unmarshal(body, &t); err != nil {
		in.log.Warn("matrix: a transaction is not what it should be", "transaction", name, "error", err)
		refuse(w, http.StatusBadRequest, "M_BAD_JSON", "That is no transaction.")
		return
	}
	began := time.Now()
	if err := in.accept(r.Context(), in.events(t.Events)); err != nil {
		in.notNow(w, name, err)
		return
	}
	for _, raw := range t.ephemeral() {
		in.signal(raw, "")
	}
	in.Counters.Transactions.Add(1)
	in.log.Debug("matrix: transaction", "transaction", name, "events", len(t.Events), "took", time.Since(began))
	answer(w, http.StatusOK, struct{}{})
}

// notNow has the homeserver come again.
func (in *Inbox) notNow(w http.ResponseWriter, name string, err error) {
	if errors.Is(err, errFull) {
		in.Counters.Full.Add(1)
		in.log.Warn("matrix: too many events wait to be carried on, the homeserver has to wait", "transaction", name)
		refuse(w, http.StatusServiceUnavailable, "M_UNKNOWN", "Too many events wait to be carried on.")
		return
	}
	in.Counters.Failed.Add(1)
	in.log.Warn("matrix: a transaction could not be stored, the homeserver will send it again", "transaction", name, "error", err)
	refuse(w, http.StatusInternalServerError, "M_UNKNOWN", "The events could not be stored.")
}

// found answers whether there is such a user or room.
func found(w http.ResponseWriter, is bool) {
	if !is {
		refuse(w, http.StatusNotFound, "M_NOT_FOUND", "The bridge has nothing by that name.")
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	answer(w, status, map[string]string{"errcode": code, "error": text})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever has gone asks again
}

// Heard is how often somebody has asked us something: the homeserver, and
// strangers, who did not know the hs_token.
func (in *Inbox) Heard() (homeserver, strangers int64) {
	return in.Counters.Trusted.Load(), in.Counters.Strangers.Load()
}
