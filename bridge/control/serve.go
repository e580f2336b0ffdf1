package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"
)

// patience is how long a client may take for its question, and the end waits
// for answers that are under way.
const patience = 5 * time.Second

// Serve answers on l until ctx ends, then closes it and returns nil. Requests
// that are under way see their context end.
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, MaxHeaderBytes: 16 << 10, ReadHeaderTimeout: patience, // a ReadTimeout would end streams
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := server.Shutdown(wait)
	if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// failure is an answer that is none.
type failure struct {
	Error string `json:"error"`
}

// Answer sends an answer.
func Answer(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) // whoever hung up doesn't want it
}

// Refuse says why there is no answer.
func Refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(failure{err.Error()})
}

// Stream sends values as they come, each at once, until values is closed, the
// client hangs up or the server ends.
func Stream[T any](w http.ResponseWriter, r *http.Request, values <-chan T) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	out.Flush()
	enc := json.NewEncoder(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case v, more := <-values:
			if !more || enc.Encode(v) != nil || out.Flush() != nil {
				return
			}
		}
	}
}
