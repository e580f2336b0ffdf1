package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/netguard"
	"isthmus/matrixside/client"
)

// homeserver has the media that its handler gives, and remembers uploads.
type homeserver struct {
	*httptest.Server
	download http.HandlerFunc

	mu      sync.Mutex
	refuse  int // so many uploads
	uploads []upload
}

type upload struct {
	as, name, kind string
	data           []byte
}

func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/_matrix/client/versions":
		fmt.Fprint(w, `{"versions": ["v1.11"]}`)
	case strings.HasPrefix(r.URL.Path, "/_matrix/client/v1/media/download/s.org/"):
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.download(w, r)
	case r.URL.Path == "/_matrix/media/v3/upload":
		data, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.refuse > 0 {
			h.refuse--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if int64(len(data)) != r.ContentLength {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		q := r.URL.Query()
		h.uploads = append(h.uploads, upload{q.Get("user_id"), q.Get("filename"), r.Header.Get("Content-Type"), data})
		fmt.Fprintf(w, `{"content_uri":"mxc://s.org/up%d"}`, len(h.uploads))
	default:
		http.NotFound(w, r)
	}
}

func setUp(t *testing.T, change func(*Options)) (*homeserver, *Proxy, *httptest.Server) {
	t.Helper()
	h := &homeserver{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	c, err := client.New(client.Options{Homeserver: h.URL, ServerName: "s.org", ASToken: "secret", Bot: "@bot:s.org"})
	if err != nil {
		t.Fatal(err)
	}
	public := httptest.NewUnstartedServer(nil)
	o := Options{Client: c, PublicURL: "http://" + public.Listener.Addr().String() + "/", Key: []byte("0123456789abcdef"), AllowPrivate: true, MaxSize: 1 << 20}
	if change != nil {
		change(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	public.Config.Handler = p
	public.Config.WriteTimeout = 50 * time.Millisecond // of a server that mostly gives short answers
	public.Start()
	t.Cleanup(public.Close)
	return h, p, public
}

func get(t *testing.T, method, link string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if errors.Is(err, io.EOF) {
		return nil, "CUT"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp, "CUT"
	}
	return resp, string(data)
}

var uri = id.ContentURI{Homeserver: "s.org", FileID: "abc-_1"}

func TestServed(t *testing.T) {
	h, p, _ := setUp(t, nil)
	kind := ""
	h.download = func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/abc-_1") {
			t.Error(r.URL.Path)
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Set-Cookie", "a=b")
		time.Sleep(100 * time.Millisecond) // longer than the server's timeout for short answers
		fmt.Fprint(w, "data")
	}
	for _, c := range []struct{ kind, name, wantKind, wantHow string }{
		{"image/png", "cat.png", "image/png", "inline; filename=cat.png"},
		{"text/plain; charset=utf-8", "a b.txt", "text/plain; charset=utf-8", `inline; filename="a b.txt"`},
		{"text/html", "x.html", "text/html", "attachment; filename=x.html"},
		{"image/svg+xml", "é/..\n\".svg", "image/svg+xml", "attachment; filename*=utf-8''%C3%A9_.._%22.svg"},
		{"image/png; x=y", "..", "image/png", "inline; filename=file"},
		{"nonsense/", "a%2Fb", "application/octet-stream", "attachment; filename=a%2Fb"},
	} {
		kind = c.kind
		link := p.URL(uri, c.name)
		resp, data := get(t, "GET", link)
		header := resp.Header
		if resp.StatusCode != 200 || data != "data" || header.Get("Content-Type") != c.wantKind || header.Get("Content-Disposition") != c.wantHow {
			t.Errorf("%s: %s %q %v", link, resp.Status, data, header)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "sandbox;") || header.Get("Set-Cookie") != "" {
			t.Errorf("headers: %v", header)
		}
	}
	resp, data := get(t, "HEAD", p.URL(uri, "x"))
	if resp.StatusCode != 200 || data != "" || resp.ContentLength != 4 {
		t.Errorf("HEAD: %s %q %d", resp.Status, data, resp.ContentLength)
	}
	if got := p.Counters.Served.Load(); got != 7 {
		t.Errorf("%d served", got)
	}
}

func TestRefused(t *testing.T) {
	h, p, public := setUp(t, nil)
	status, size := 404, 0
	h.download = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.WriteHeader(status)
		w.Write(make([]byte, size))
	}
	link := p.URL(uri, "cat.png")
	check := func(link string, want int) {
		t.Helper()
		if resp, text := get(t, "GET", link); resp.StatusCode != want || len(text) < 10 || strings.Contains(text, "\x00") {
			t.Errorf("%s: %s %.60q", link, resp.Status, text)
		}
	}
	check(link, 404)
	status = 500
	check(link, 502)
	status = 403
	check(link, 404)
	status, size = 200, 2<<20
	check(link, 403) // too large
	for _, change := range [][2]string{{"s.org", "t.org"}, {"abc", "abd"}, {"cat.png", "cat.exe"}, {"cat.png", "cat.png%20"}} {
		check(strings.Replace(link, change[0], change[1], 1), 403)
	}
	check(public.URL+Path+"a/b/c/d", 403)
	check(public.URL+Path+"a/b", 404)
	check(public.URL+"/x", 404)
	check(public.URL+Path, 404)
	resp, _ := get(t, "POST", link)
	if resp.StatusCode != 405 || resp.Header.Get("Allow") == "" {
		t.Error(resp.Status)
	}
	later := time.Now().Add(7*24*time.Hour + time.Minute)
	p.now = func() time.Time { return later }
	check(link, 410)
	other, err := New(Options{Client: p.opt.Client, Key: []byte("another key, too"), PublicURL: public.URL})
	if err != nil {
		t.Fatal(err)
	}
	check(other.URL(uri, "cat.png"), 403)
	h.Close()
	p.now = time.Now
	check(link, 502)
}

// TestBroken has a homeserver that says too little, and one that stops.
func TestBroken(t *testing.T) {
	h, p, _ := setUp(t, nil)
	p.idle = 100 * time.Millisecond
	h.download = func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // no Content-Length
		w.Write(make([]byte, 2<<20))
	}
	if _, data := get(t, "GET", p.URL(uri, "x")); data != "CUT" {
		t.Errorf("a file that is too large was given: %d bytes", len(data))
	}
	h.download = func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begin"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	if _, data := get(t, "GET", p.URL(uri, "x")); data != "CUT" {
		t.Errorf("a file that stopped was given: %q", data)
	}
	if got := p.Counters.Served.Load(); got != 0 {
		t.Errorf("%d served", got)
	}
}

func TestAtOnce(t *testing.T) {
	h, p, _ := setUp(t, nil)
	release := make(chan struct{})
	var running sync.WaitGroup
	running.Add(servedAtOnce)
	h.download = func(w http.ResponseWriter, r *http.Request) {
		running.Done()
		<-release
	}
	var done sync.WaitGroup
	for range servedAtOnce {
		done.Go(func() { get(t, "GET", p.URL(uri, "x")) })
	}
	running.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", strings.TrimPrefix(p.URL(uri, "x"), p.public), nil).WithContext(ctx))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
	close(release)
	done.Wait()
}

func TestNew(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, o := range []Options{{}, {Key: []byte("short")}, {Key: key, PublicURL: "bridge.example.org"}, {Key: key, PublicURL: "ftp://x"}, {Key: key, PublicURL: "https://x/?a"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
	p, err := New(Options{Key: key})
	if err != nil || p.URL(uri, "x") != "" {
		t.Error(err)
	}
	p, _ = New(Options{Key: key, PublicURL: "https://x/y/"})
	if link := p.URL(uri, "a"); !strings.HasPrefix(link, "https://x/y/_isthmus/media/s.org/abc-_1/") {
		t.Error(link)
	}
	for _, odd := range []id.ContentURI{{}, {Homeserver: "a", FileID: "b/c"}} {
		if p.URL(odd, "x") != "" {
			t.Error(odd)
		}
	}
	if (*Proxy)(nil).URL(uri, "x") != "" {
		t.Error("no proxy has links")
	}
}

func TestUpload(t *testing.T) {
	h, p, _ := setUp(t, nil)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("long text "), 100_000) // goes by the disk
	mux := http.NewServeMux()
	give := func(path, kind string, data []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			w.(http.Flusher).Flush() // no Content-Length
			w.Write(data)
		})
	}
	give("/cat.png", "", picture.Bytes())
	give("/lying", "image/jpeg", picture.Bytes())
	give("/long.txt", "text/plain", long)
	give("/page", "image/png", []byte("<!DOCTYPE html><p>hello"))
	give("/empty", "image/png", nil)
	give("/large", "image/png", make([]byte, 1<<20+1))
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/cat.png", http.StatusFound) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/named", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../a b.ogg"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		fmt.Fprint(w, "OggS\x00 sound")
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	for _, c := range []struct {
		f    bridge.File
		want bridge.File // without URL; the zero File is an error
		err  error
	}{
		{bridge.File{URL: "/cat.png"}, bridge.File{Name: "cat.png", Type: "image/png", Size: int64(picture.Len()), Width: 3, Height: 2}, nil},
		{bridge.File{URL: "/lying", Name: "x.jpg", Type: "image/jpeg", Size: 7, Width: 100}, bridge.File{Name: "x.jpg", Type: "image/png", Size: int64(picture.Len()), Width: 3, Height: 2}, nil},
		{bridge.File{URL: "/elsewhere?x=y"}, bridge.File{Name: "cat.png", Type: "image/png", Size: int64(picture.Len()), Width: 3, Height: 2}, nil},
		{bridge.File{URL: "/long.txt"}, bridge.File{Name: "long.txt", Type: "text/plain", Size: int64(len(long))}, nil},
		{bridge.File{URL: "/named", Type: "audio/ogg", Duration: 5}, bridge.File{Name: "a b.ogg", Type: "audio/ogg", Size: 11, Duration: 5}, nil},
		{bridge.File{URL: "/page", Name: "cat.png"}, bridge.File{}, errNoFile},
		{bridge.File{URL: "/empty"}, bridge.File{}, errNoFile},
		{bridge.File{URL: "/missing"}, bridge.File{}, errNoFile},
		{bridge.File{URL: "/large"}, bridge.File{}, errTooLarge},
		{bridge.File{URL: "/cat.png", Size: 1<<20 + 1}, bridge.File{}, errTooLarge},
		{bridge.File{URL: "/round"}, bridge.File{}, nil},
		{bridge.File{URL: "/file"}, bridge.File{}, nil},
	} {
		c.f.URL = web.URL + c.f.URL
		got, f, err := p.Upload(t.Context(), "@irc_a_b:s.org", c.f)
		if c.want == (bridge.File{}) {
			if err == nil || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%s: %v", c.f.URL, err)
			}
			continue
		}
		if c.want.URL = c.f.URL; err != nil || f != c.want || got.IsEmpty() {
			t.Errorf("%s: got %+v, %v", c.f.URL, f, err)
			continue
		}
		up := h.uploads[len(h.uploads)-1]
		if up.as != "@irc_a_b:s.org" || up.name != f.Name || up.kind != f.Type || int64(len(up.data)) != f.Size {
			t.Errorf("%s: uploaded %s %s %s, %d bytes", c.f.URL, up.as, up.name, up.kind, len(up.data))
		}
		if c.f.URL == web.URL+"/long.txt" && !bytes.Equal(up.data, long) {
			t.Error("other data than was there")
		}
	}
	for _, link := range []string{"", "x", "ftp://a/b", "file:///etc/passwd", "https:///x", "http://a:b@c/d", "https://a/" + strings.Repeat("x", 5000), "http://%zz/"} {
		if _, _, err := p.Upload(t.Context(), "", bridge.File{URL: link}); err == nil {
			t.Errorf("%.20s was followed", link)
		}
	}
	before := len(h.uploads)
	if got, _, err := p.Upload(t.Context(), "", bridge.File{URL: p.URL(uri, "x")}); err != nil || got != uri || len(h.uploads) != before {
		t.Errorf("a link of ours: %v, %v", got, err)
	}
	h.refuse = 1
	if _, _, err := p.Upload(t.Context(), "", bridge.File{URL: web.URL + "/long.txt"}); err != nil || !bytes.Equal(h.uploads[len(h.uploads)-1].data, long) {
		t.Errorf("after the homeserver was away: %v", err)
	}
	if _, _, err := (*Proxy)(nil).Upload(t.Context(), "", bridge.File{URL: web.URL + "/cat.png"}); err == nil {
		t.Error("no proxy uploads")
	}
	if got := p.Counters.Fetched.Load(); got != 6 {
		t.Errorf("%d fetched", got)
	}
}

// TestPrivate has links that lead into our own network, at once, by a name, or
// by a redirect of a server that is on the Internet.
func TestPrivate(t *testing.T) {
	_, p, _ := setUp(t, func(o *Options) { o.AllowPrivate = false })
	asked := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(inside.Close)
	u, _ := url.Parse(inside.URL)
	refused := func(link string) {
		t.Helper()
		_, _, err := p.Upload(t.Context(), "", bridge.File{URL: link})
		var guard *netguard.Error
		if !errors.As(err, &guard) {
			t.Errorf("%s: %v", link, err)
		}
	}
	refused(inside.URL + "/x.png")
	refused("http://localhost:" + u.Port() + "/x.png")
	refused("http://[::ffff:127.0.0.1]:" + u.Port() + "/x.png")

	// The first connection of a name that changes its mind: it was public.
	real := p.http.Transport.(*http.Transport)
	outside := real.Clone()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://rebound.example.org:"+u.Port()+"/", http.StatusFound)
	}))
	t.Cleanup(front.Close)
	p.http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Hostname() == "rebound.example.org" { // it resolves to 127.0.0.1 by now
			r = r.Clone(r.Context())
			r.URL.Host = u.Host
			return real.RoundTrip(r)
		}
		outside.DialContext = nil
		return outside.RoundTrip(r)
	})
	refused(front.URL)
	if asked {
		t.Error("a server in our own network was asked")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSlow(t *testing.T) {
	_, p, _ := setUp(t, func(o *Options) { o.Patience = 100 * time.Millisecond })
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}))
	t.Cleanup(web.Close)
	began := time.Now()
	if _, _, err := p.Upload(t.Context(), "", bridge.File{URL: web.URL}); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct{ data, said, want string }{
		{"\x89PNG\x0d\x0a\x1a\x0a", "application/octet-stream", "image/png"},
		{"\x89PNG\x0d\x0a\x1a\x0a", "image/jpeg", "image/png"},
		{"\x89PNG\x0d\x0a\x1a\x0a", "image/vnd.mozilla.apng", "image/vnd.mozilla.apng"},
		{"\x89PNG\x0d\x0a\x1a\x0a", "text/html", "image/png"},
		{"<html>", "image/png", "text/html"},
		{"<?xml version='1.0'?><svg/>", "image/svg+xml", "image/svg+xml"},
		{"plain", "image/png", "text/plain"},
		{"plain", "text/html", "text/plain"},
		{"plain", "text/markdown", "text/markdown"},
		{"\x00\x01", "image/avif", "image/avif"},
		{"\x00\x01", "image/jpeg", "application/octet-stream"},
		{"\x1aE\xdf\xa3", "audio/webm", "audio/webm"},
		{"\x1aE\xdf\xa3", "image/png", "video/webm"},
		{"OggS\x00", "audio/opus", "audio/opus"},
		{"PK\x03\x04", "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"},
		{"%PDF-", "image/png", "application/pdf"},
	} {
		if got := typeOf([]byte(c.data), c.said); got != c.want {
			t.Errorf("%q as %s: %s", c.data, c.said, got)
		}
	}
}

func TestWebP(t *testing.T) {
	vp8 := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a"), 0x90, 0x41, 0x0a, 0x00)
	vp8l := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f"), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(vp8l[21:], 399|9<<14)
	vp8x := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00"), 0xff, 0x01, 0x00, 9, 0, 0)
	for _, c := range []struct {
		data []byte
		w, h int
	}{{vp8, 400, 10}, {vp8l, 400, 10}, {vp8x, 512, 10}, {vp8x[:29], 0, 0}, {[]byte("x"), 0, 0}} {
		if w, h := dimensions(c.data); w != c.w || h != c.h {
			t.Errorf("%q: %dx%d", c.data, w, h)
		}
	}
}

func FuzzDimensions(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\xff\x01\x00\x09\x00\x00"), "image/webp")
	f.Add([]byte("\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR"), "x")
	f.Fuzz(func(t *testing.T, data []byte, said string) {
		if w, h := dimensions(data); w < 0 || h < 0 || w > maxSide || h > maxSide || (w == 0) != (h == 0) {
			t.Fatalf("%dx%d", w, h)
		}
		if kind := mediaType(said); kind != "" {
			if got := typeOf(data, kind); mediaType(got) != got || known[got] && got == kind && mediaType(http.DetectContentType(data)) != got {
				t.Fatalf("%q as %s: %q", data, said, got)
			}
		}
	})
}

func FuzzLink(f *testing.F) {
	p, err := New(Options{Key: []byte("0123456789abcdef"), PublicURL: "https://b.org"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("s.org", "abc", "cat.png", "/_isthmus/media/a/b/1.x/c")
	f.Add("s:80", "%2f", "../é", "/_isthmus/media/%/b/1.x/c")
	f.Fuzz(func(t *testing.T, server, file, name, path string) {
		if _, _, _, err := p.read(path); err == nil {
			t.Fatalf("%q was made by nobody", path)
		}
		want := id.ContentURI{Homeserver: server, FileID: file}
		link := p.URL(want, name)
		if link == "" {
			return
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatalf("%q: %v", link, err)
		}
		if got, n, _, err := p.read(u.EscapedPath()); err != nil || got != want || n != urlName(name) {
			t.Fatalf("%q reads as %v, %q, %v", link, got, n, err)
		}
		if got, ok := p.own(link); !ok || got != want {
			t.Fatalf("%q is not our own", link)
		}
	})
}
