package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/bridge/control"
	"isthmus/matrixside/names"
	"isthmus/xmppside/jid"
)

// listenControl makes the socket. Without one the gateway runs as well, but not
// beside another with the same.
func (g *gateway) listenControl() error {
	if g.cfg.Control == "" {
		return nil
	}
	var err error
	if g.control, err = control.Listen(g.cfg.Control); err != nil && !errors.Is(err, control.ErrRunning) {
		g.log.Error("nobody can ask how it is: set control to a path that can be written", "error", err)
		return nil
	}
	return err
}

// serveControl answers until ctx ends.
func (g *gateway) serveControl(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { control.Answer(w, g.status()) })
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) {
		control.Answer(w, g.explain(r.URL.Query().Get("what")))
	})
	mux.HandleFunc("GET /trace", g.serveTrace)
	mux.HandleFunc("POST /unban", func(w http.ResponseWriter, r *http.Request) {
		var u unban
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPlan)).Decode(&u); err != nil {
			control.Refuse(w, http.StatusBadRequest, err)
			return
		}
		control.Answer(w, unbanned{What: u.What, Bans: g.maps.Unban(u.What, u.Link)})
	})
	mux.HandleFunc("POST /plan", func(w http.ResponseWriter, r *http.Request) {
		var q planQuestion
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPlan)).Decode(&q); err != nil {
			control.Refuse(w, http.StatusBadRequest, err)
			return
		}
		control.Answer(w, g.plan(q))
	})
	if err := control.Serve(ctx, g.control, mux); err != nil {
		g.fail(fmt.Errorf("control: %w", err))
	}
}

// shown is what people call a room, as the configuration has it.
func shown(room bridge.Room) string {
	switch room.Network {
	case bridge.NetworkXMPP:
		return room.ID
	case bridge.NetworkMatrix:
		if at := strings.LastIndexByte(room.ID, '%'); at > 0 && strings.IndexByte("#!", room.ID[0]) >= 0 {
			return room.ID[:at] + ":" + room.ID[at+1:]
		}
		return room.ID
	}
	return room.String()
}

// whoever is what people call somebody.
func whoever(p bridge.Person) string {
	switch p.Network {
	case bridge.NetworkXMPP, bridge.NetworkMatrix, "":
		return p.ID
	case bridge.NetworkBridge:
		return "the bridge"
	}
	return p.String()
}

// roomNamed is what the core calls the room that somebody names in one of the
// ways in which it is shown.
func roomNamed(what string) bridge.Room {
	for _, id := range []string{names.OfAlias(id.RoomAlias(what)), names.OfRoomID(id.RoomID(what))} {
		if id != "" {
			return bridge.Room{Network: bridge.NetworkMatrix, ID: id}
		}
	}
	network, name, found := strings.Cut(what, ":")
	switch {
	case found && network == bridge.NetworkMatrix:
		if r, ok := names.ParseRoom(name); ok && (r.Kind == names.KindAlias || r.Kind == names.KindRoomID) {
			return bridge.Room{Network: network, ID: name}
		}
		return bridge.Room{}
	case name != "" && strings.IndexByte("#&+!", name[0]) >= 0 && network != bridge.NetworkXMPP:
		return bridge.Room{Network: network, ID: lowerASCII(name)}
	}
	at, err := jid.Parse(strings.TrimPrefix(what, "xmpp:"))
	if err != nil || at.Local() == "" {
		return bridge.Room{}
	}
	return bridge.Room{Network: bridge.NetworkXMPP, ID: at.Bare().String()}
}

// lowerASCII is how the configuration has channels.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// asking is what the commands have in common that ask a running gateway.
type asking struct {
	config, socket string
	json           bool
}

func (a *asking) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&a.config, "config", "c", "/etc/isthmus/isthmus.yaml", "configuration file")
	f.StringVar(&a.socket, "socket", "", "socket of the running isthmus (default: the configuration's control)")
	f.BoolVar(&a.json, "json", false, "write JSON")
}

// dial finds the socket. A file that is being changed, and is wrong at the
// moment, still says where it is.
func (a *asking) dial() (*control.Client, error) {
	if a.socket != "" {
		return control.Dial(a.socket), nil
	}
	file, err := filepath.Abs(a.config)
	if err != nil {
		return nil, err
	}
	data, err := config.ReadFile(file)
	if err != nil {
		return nil, err
	}
	path, _, err := config.Paths(file, data)
	if err != nil {
		return nil, fmt.Errorf("%w\nUntil that is right, --socket says where isthmus can be asked", err)
	}
	if path == "" {
		return nil, fmt.Errorf("%s has control: off, so isthmus can't be asked", a.config)
	}
	return control.Dial(path), nil
}

// print writes an answer as JSON, or as people read it.
func (a *asking) print(out io.Writer, answer any, people func(io.Writer)) error {
	if a.json {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(answer)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	people(w)
	return w.Flush()
}
