// Package media brings files across: it serves Matrix media to people of
// other networks by signed links that expire, and fetches what others link,
// within limits and never from private addresses.
//
//	p, err := media.New(media.Options{Client: client, PublicURL: "https://bridge.example.org", Key: key, Log: log})
//	link := p.URL(uri, "cat.jpg")               // from Matrix
//	uri, file, err := p.Upload(ctx, ghost, file) // to Matrix
//
// A link is <public>/_isthmus/media/<server>/<media id>/<expiry>.<signature>/<name>.
// Whoever has one may fetch the file until it expires (seconds since 1970),
// without an account. The key signs all that is in it, so that nobody can make
// one, and nobody has to remember those that were made.
package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"isthmus/matrixside/client"
)

const (
	// Path is below which a Proxy has its links.
	Path = "/_isthmus/media/"
	// minKey is the least length of a key in bytes.
	minKey = 16
	// signatureBytes of an HMAC-SHA256 are in a link.
	signatureBytes = 18
	// maxName is the longest name of a file in bytes.
	maxName = 200
	// servedAtOnce and fetchedAtOnce are how many files go each way at once.
	// Together they are fewer than the client has places for (client.Stream).
	servedAtOnce, fetchedAtOnce = 5, 2
)

// Options are what a Proxy is made with.
type Options struct {
	Client *client.Client
	// PublicURL is where people of other networks reach ServeHTTP, without
	// Path. Empty is nowhere: then there are no links.
	PublicURL string
	Key       []byte        // signs links: 16 bytes at least, the same after a restart; see KeyOf
	Expire    time.Duration // how long links hold; 0 means a week
	MaxSize   int64         // of a file, either way, in bytes; 0 means 50 MiB
	// Patience is for a server that others link to: for all that it sends, a
	// minute if 0. Files of the homeserver may take as long as they come.
	Patience time.Duration
	// AllowPrivate lets links of others lead to private addresses: for tests,
	// and where all servers are in a network of one's own.
	AllowPrivate bool
	Log          *slog.Logger // discards if nil
}

// KeyOf is a key for Options that is made of something secret (an as_token)
// which it does not give away.
func KeyOf(secret string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("isthmus: links to media"))
	return mac.Sum(nil)
}

// Counters count files; each only grows.
type Counters struct {
	Served   atomic.Int64 // given to people of other networks
	Refused  atomic.Int64 // links that were wrong or too old, and too many at once
	Fetched  atomic.Int64 // brought onto the homeserver
	Unwanted atomic.Int64 // not brought there: too large, unreachable, or no file
}

// Proxy serves Matrix media by links of ours, and brings there what others
// link. Any goroutine may use it.
type Proxy struct {
	Counters Counters

	opt     Options
	public  string
	http    *http.Client
	serving chan struct{}
	getting chan struct{}
	now     func() time.Time
	idle    time.Duration // how long either end may do nothing
}

// New makes a proxy. The error is about the URL or the key.
func New(o Options) (*Proxy, error) {
	u, err := url.Parse(o.PublicURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the public URL of media: %w", err)
	case o.PublicURL != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != ""):
		return nil, fmt.Errorf("the public URL of media must be like https://bridge.example.org, not %q", o.PublicURL)
	case len(o.Key) < minKey:
		return nil, errors.New("the key for links to media is too short")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Expire <= 0 {
		o.Expire = 7 * 24 * time.Hour
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 50 << 20
	}
	if o.Patience <= 0 {
		o.Patience = time.Minute
	}
	return &Proxy{
		opt: o, public: strings.TrimRight(o.PublicURL, "/"), http: outward(o), now: time.Now, idle: 30 * time.Second,
		serving: make(chan struct{}, servedAtOnce), getting: make(chan struct{}, fetchedAtOnce),
	}, nil
}

// URL is a link to a file on Matrix, "" if links can't be had: no public URL
// is set, or uri is none. The name is what it is saved as.
func (p *Proxy) URL(uri id.ContentURI, name string) string {
	if p == nil || p.public == "" || uri.IsEmpty() || strings.Contains(uri.FileID, "/") || strings.Contains(uri.Homeserver, "/") {
		return ""
	}
	name = urlName(name)
	expiry := strconv.FormatInt(p.now().Add(p.opt.Expire).Unix(), 10)
	return p.public + Path + url.PathEscape(uri.Homeserver) + "/" + url.PathEscape(uri.FileID) + "/" +
		expiry + "." + p.sign(uri, expiry, name) + "/" + url.PathEscape(name)
}

// urlName is name as one segment of a path that nothing on the way changes.
func urlName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	for i := range name {
		if i > maxName {
			name = name[:i]
			break
		}
	}
	if name = strings.Trim(name, ". "); name == "" {
		return "file"
	}
	return name
}

func (p *Proxy) sign(uri id.ContentURI, expiry, name string) string {
	mac := hmac.New(sha256.New, p.opt.Key)
	for _, part := range []string{uri.Homeserver, uri.FileID, expiry, name} {
		mac.Write([]byte(part + "\x00"))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:signatureBytes])
}

// Why a link leads nowhere.
var (
	errNoLink  = errors.New("there is nothing here")
	errForged  = errors.New("this link is not one that the bridge has made")
	errExpired = errors.New("this link has expired")
)

// read reads the path of a link, as it was escaped. The error is one of those above.
func (p *Proxy) read(path string) (uri id.ContentURI, name string, expiry time.Time, err error) {
	_, path, ours := strings.Cut(path, Path)
	parts := strings.Split(path, "/")
	if !ours || len(parts) != 4 {
		return uri, "", expiry, errNoLink
	}
	for i, s := range parts {
		if parts[i], err = url.PathUnescape(s); err != nil {
			return uri, "", expiry, errNoLink
		}
	}
	uri, name = id.ContentURI{Homeserver: parts[0], FileID: parts[1]}, parts[3]
	at, signature, _ := strings.Cut(parts[2], ".")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !hmac.Equal([]byte(signature), []byte(p.sign(uri, at, name))) {
		return uri, "", expiry, errForged
	}
	if expiry = time.Unix(seconds, 0); p.now().After(expiry) {
		return uri, "", expiry, errExpired
	}
	return uri, name, expiry, nil
}

// own is the file on Matrix that a link of ours leads to.
func (p *Proxy) own(link string) (id.ContentURI, bool) {
	path, ours := strings.CutPrefix(link, p.public+Path)
	if p.public == "" || !ours {
		return id.ContentURI{}, false
	}
	uri, _, _, err := p.read(Path + path)
	return uri, err == nil
}
