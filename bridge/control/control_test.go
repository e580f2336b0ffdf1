package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// start serves handler on a new socket.
func start(t *testing.T, handler http.Handler) (path string, stop func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, handler) }()
	return path, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestQuestions(t *testing.T) {
	values, others := make(chan int), make(chan int)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sum", func(w http.ResponseWriter, r *http.Request) {
		Answer(w, r.URL.Query()["n"])
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		var s string
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			Refuse(w, http.StatusBadRequest, err)
			return
		}
		Answer(w, s)
	})
	mux.HandleFunc("GET /no", func(w http.ResponseWriter, r *http.Request) {
		Refuse(w, http.StatusNotFound, errors.New("there is none"))
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) { Stream(w, r, values) })
	mux.HandleFunc("GET /others", func(w http.ResponseWriter, r *http.Request) { Stream(w, r, others) })
	path, stop := start(t, mux)
	c := Dial(path)

	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var got []string
	if err := c.Get(t.Context(), "/sum", url.Values{"n": {"1", "2 &"}}, &got); err != nil || strings.Join(got, ",") != "1,2 &" {
		t.Errorf("%v, %v", got, err)
	}
	var text string
	if err := c.Post(t.Context(), "/echo", "hi", &text); err != nil || text != "hi" {
		t.Errorf("%q, %v", text, err)
	}
	if err := c.Get(t.Context(), "/no", nil, &text); err == nil || err.Error() != "there is none" {
		t.Error(err)
	}
	if err := c.Get(t.Context(), "/other", nil, &text); err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}

	go func() {
		values <- 1
		values <- 2
	}()
	n, enough := 0, errors.New("enough")
	err := c.Stream(t.Context(), "/stream", nil, func(v json.RawMessage) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if n != 2 || err != enough {
		t.Errorf("%d values, %v", n, err)
	}

	// The end of the server ends a stream that waits.
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		ended <- c.Stream(t.Context(), "/others", nil, func(json.RawMessage) error { close(begun); return nil })
	}()
	others <- 3
	<-begun
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := c.Get(t.Context(), "/sum", nil, &got); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("two processes: %v", err)
	}
	l.Close()

	// A socket that a killed process left.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if err := Dial(path).Get(t.Context(), "/", nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if l, err = Listen(path); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file is replaced: %v", err)
	}
	if _, err := Listen(filepath.Join(path, "s")); err == nil {
		t.Error("listens nowhere")
	}
}
