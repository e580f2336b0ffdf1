package harness

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// HomeserverKinds are the Matrix homeservers there are, to be passed to
// StartHomeserver. Only Dendrite is there without "make test-synapse".
var HomeserverKinds = []string{"dendrite", "synapse"}

// registrationSecret lets us make accounts.
const registrationSecret = "registration-secret"

// MatrixPassword is that of all accounts on a homeserver.
const MatrixPassword = "pencil and paper"

// Homeserver is a Dendrite or a Synapse, with one application service.
type Homeserver struct {
	Server
	URL          string // of the client-server API
	Name         string // its server name, what follows the ":" of an id
	Bridge       string // host:port where the bridge is to listen
	Registration string // the bridge's registration file
}

// StartHomeserver starts a homeserver of the kind for a bridge that is not
// there yet, with the registration file that "isthmus registration" writes.
func StartHomeserver(t T, kind string) *Homeserver {
	t.Helper()
	prepare := map[string]func(T, string, *Homeserver) command{"dendrite": dendrite, "synapse": synapse}[kind]
	if prepare == nil {
		t.Fatalf("harness: no homeserver %q", kind)
	}
	h := &Homeserver{Name: "hs.localhost"}
	launch(t, kind, 2, func(dir string, ports []int) *Server {
		h.URL, h.Bridge = "http://"+loopback(ports[0]), loopback(ports[1])
		h.Registration = dir + "/registration.yaml"
		h.register(t, dir)
		h.cmd = prepare(t, dir, h)
		h.ready = h.answers
		return &h.Server
	})
	return h
}

// register has "isthmus registration" write the file that introduces the bridge
// to its homeserver (application service API §2.1).
func (h *Homeserver) register(t T, dir string) {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatalf("%v", err)
	}
	config := Config{}
	config.Set("xmpp", Config{"server": loopback(1), "secret_file": "none", "domains": []any{Config{"name": "irc.localhost"}}})
	config.Set("networks/net/addresses", []string{"irc://" + loopback(1)})
	config.Set("matrix", h.config())
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	writeFile(t, dir+"/isthmus.yaml", string(text))
	if out, err := exec.Command(binary, "registration", "-c", dir+"/isthmus.yaml").CombinedOutput(); err != nil {
		t.Fatalf("isthmus registration: %v: %s", err, out)
	}
}

// config is what the gateway is told of its homeserver.
func (h *Homeserver) config() Config {
	return Config{"homeserver": h.URL, "server_name": h.Name, "registration_file": h.Registration, "listen": h.Bridge}
}

func (h *Homeserver) answers(deadline time.Time) error {
	client := &http.Client{Timeout: time.Until(deadline)}
	answer, err := client.Get(h.URL + "/_matrix/client/versions")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("versions: %s", answer.Status)
	}
	return nil
}

// ID is the user id of a localpart here.
func (h *Homeserver) ID(localpart string) string { return "@" + localpart + ":" + h.Name }

// Alias is the alias of a localpart here.
func (h *Homeserver) Alias(localpart string) string { return "#" + localpart + ":" + h.Name }

// Register makes an account and returns its access token (the shared-secret
// registration that Dendrite has from Synapse).
func (h *Homeserver) Register(t T, localpart string) (token string) {
	t.Helper()
	const path, password = "/_synapse/admin/v1/register", MatrixPassword
	nonce := h.Request(t, "GET", path, "", nil)["nonce"]
	mac := hmac.New(sha1.New, []byte(registrationSecret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00notadmin", nonce, localpart, password)
	answer := h.Request(t, "POST", path, "", map[string]any{
		"nonce": nonce, "username": localpart, "password": password, "admin": false, "mac": fmt.Sprintf("%x", mac.Sum(nil)),
	})
	token, _ = answer["access_token"].(string)
	return token
}

// Request asks something of the homeserver directly, with a token or without.
// It fails the test unless that succeeds.
func (h *Homeserver) Request(t T, method, path, token string, body any) map[string]any {
	t.Helper()
	status, text := h.request(t, method, path, token, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return answer
}

func (h *Homeserver) request(t T, method, path, token string, body any) (status int, text []byte) {
	t.Helper()
	content := []byte(nil)
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			t.Fatalf("harness: %v", err)
		}
	}
	r, err := http.NewRequest(method, h.URL+path, bytes.NewReader(content))
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: Patience}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, text
}

// Download is a file on the homeserver, by its mxc URI, as a client with this
// token gets it.
func (h *Homeserver) Download(t T, token, uri string) []byte {
	t.Helper()
	status, text := h.request(t, "GET", "/_matrix/client/v1/media/download/"+strings.TrimPrefix(uri, "mxc://"), token, nil)
	if status != http.StatusOK {
		t.Fatalf("download %s: %d %s", uri, status, text)
	}
	return text
}

// exists reports whether a file is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
