package media

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// turn is how long a request waits for its turn when too many are served.
const turn = 10 * time.Second

// shown are the media types that a browser may show where the link is opened
// ("Serving inline content" of the Matrix specification): none of them runs
// anything. All others are saved.
var shown = map[string]bool{
	"text/plain": true, "image/jpeg": true, "image/gif": true, "image/png": true, "image/apng": true, "image/webp": true, "image/avif": true,
	"video/mp4": true, "video/webm": true, "video/ogg": true, "video/quicktime": true,
	"audio/mp4": true, "audio/webm": true, "audio/aac": true, "audio/mpeg": true, "audio/ogg": true, "audio/wave": true, "audio/wav": true,
	"audio/x-wav": true, "audio/flac": true, "audio/x-flac": true,
}

// ServeHTTP implements http.Handler: GET and HEAD of links below Path. It
// answers 403 for a link that is not ours and for a file that is too large, 410
// for one that has expired, 404 for what the homeserver hasn't got (any more),
// 502 when the homeserver doesn't answer, and 503 when too many are served.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Access-Control-Allow-Origin", "*") // the link is all that it takes, and no cookie
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		p.refuse(w, http.StatusMethodNotAllowed, "Files can only be fetched here.")
		return
	}
	uri, name, expiry, err := p.read(r.URL.EscapedPath())
	switch {
	case errors.Is(err, errForged):
		p.refuse(w, http.StatusForbidden, sentence(err))
	case errors.Is(err, errExpired):
		p.refuse(w, http.StatusGone, sentence(err))
	case err != nil:
		p.refuse(w, http.StatusNotFound, sentence(err))
	case !p.take(r.Context()):
		h.Set("Retry-After", strconv.Itoa(int(turn.Seconds())))
		p.refuse(w, http.StatusServiceUnavailable, "Too many files are fetched at the moment. Try again in a moment.")
	default:
		defer func() { <-p.serving }()
		h.Set("Cache-Control", "private, immutable, max-age="+strconv.Itoa(int(expiry.Sub(p.now()).Seconds())))
		p.serve(w, r, uri, name)
	}
}

func sentence(err error) string { s := err.Error(); return strings.ToUpper(s[:1]) + s[1:] + "." }

func (p *Proxy) refuse(w http.ResponseWriter, status int, text string) {
	p.Counters.Refused.Add(1)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}

// take waits for a place to serve a file.
func (p *Proxy) take(ctx context.Context) bool {
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case p.serving <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// serve gives the file at uri. Where it ends too early, the connection does,
// so that nobody takes a part for the whole.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, uri id.ContentURI, name string) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	watch := time.AfterFunc(2*p.idle, cancel) // it may come from another server first
	defer watch.Stop()
	// What the server has set is for short answers; where there are no
	// deadlines, the watch sees to it.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(3 * p.idle))
	begun, cut := false, false
	err := p.opt.Client.Stream(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		resp, err := m.Download(ctx, uri)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.ContentLength > p.opt.MaxSize {
			return errTooLarge
		}
		begun = true
		p.headers(w.Header(), resp, name)
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			cut = !p.pass(w, resp, watch)
		}
		return nil // that the reader goes is not the homeserver's fault
	})
	switch {
	case cut:
		panic(http.ErrAbortHandler)
	case begun:
		p.Counters.Served.Add(1)
	case errors.Is(err, errTooLarge):
		p.refuse(w, http.StatusForbidden, "This file is larger than what the bridge passes on.")
	case isMissing(err):
		p.refuse(w, http.StatusNotFound, "The homeserver does not have this file, or not any more.")
	default:
		p.opt.Log.Warn("matrix: can't get a file", "uri", uri.String(), "error", err)
		p.refuse(w, http.StatusBadGateway, "The homeserver does not give this file at the moment. Try again later.")
	}
}

// isMissing reports whether the homeserver has said that it can't give a file,
// now or later: it isn't there, or not for us.
func isMissing(err error) bool {
	var answered mautrix.HTTPError
	if !errors.As(err, &answered) || answered.Response == nil {
		return false
	}
	switch answered.Response.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

func (p *Proxy) headers(h http.Header, resp *http.Response, name string) {
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind, params = "application/octet-stream", nil
	}
	how := "attachment"
	if shown[kind] {
		how = "inline"
	}
	if !strings.HasPrefix(kind, "text/") {
		params = nil
	}
	h.Set("Content-Type", cmp.Or(mime.FormatMediaType(kind, params), "application/octet-stream"))
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": name}))
	if resp.ContentLength >= 0 {
		h.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
}

// pass copies a file as long as both ends go on, and reports whether all of it is there.
func (p *Proxy) pass(w http.ResponseWriter, resp *http.Response, watch *time.Timer) bool {
	out := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for left := p.opt.MaxSize; ; {
		n, err := resp.Body.Read(buf)
		if left -= int64(n); left < 0 {
			p.opt.Log.Info("matrix: a file is larger than it said", "size", p.opt.MaxSize)
			return false
		}
		watch.Reset(p.idle)
		if n > 0 {
			_ = out.SetWriteDeadline(time.Now().Add(p.idle)) // as in serve
			if _, err := w.Write(buf[:n]); err != nil {
				return false
			}
		}
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			p.opt.Log.Info("matrix: a file broke off", "error", err)
			return false
		}
	}
}
