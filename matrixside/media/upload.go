package media

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/netguard"
	"isthmus/matrixside/client"
)

const (
	// maxURL is the longest link in bytes that is followed.
	maxURL = 4096
	// maxRedirects is how often a server may send us elsewhere.
	maxRedirects = 5
	// inMemory is how much of a file is held in memory, in bytes. What is
	// longer is on disk until it is on the homeserver.
	inMemory = 256 << 10
	// tries and tryAgain are for a homeserver that is away for a moment.
	tries    = 3
	tryAgain = time.Second
)

// Why files are not carried across.
var (
	errNoFile   = errors.New("the link leads to no file")
	errTooLarge = errors.New("the file is too large")
)

// outward makes requests to servers that others name. It takes no proxy from
// the environment: that would connect for us, past the check of addresses.
func outward(o Options) *http.Client {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if !o.AllowPrivate {
		d.ControlContext = netguard.Control
	}
	return &http.Client{
		Timeout: o.Patience,
		Transport: &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
			DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return follow(r.URL)
		},
	}
}

// follow is what is wrong with a link that somebody wants us to follow. Where
// it leads is checked as we connect.
func follow(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("not a link to a web server: %q", u.Scheme)
	case u.Hostname() == "":
		return errors.New("a link without a server")
	case u.User != nil:
		return errors.New("a link with a password in it")
	case len(u.String()) > maxURL:
		return errors.New("a link that is too long")
	}
	return nil
}

// Upload fetches what f links and puts it onto the homeserver, in the name of
// as, who must be registered. It returns the file with what was found out about
// it: type, size, and the dimensions of an image. A link of our own proxy is
// the file that it came from, and nothing is fetched. It takes as long as
// Options.Patience and the homeserver do, at most until ctx ends; a few files
// are fetched at once, others wait. Show the link itself when there is an error.
func (p *Proxy) Upload(ctx context.Context, as id.UserID, f bridge.File) (id.ContentURI, bridge.File, error) {
	if p == nil {
		return id.ContentURI{}, f, errNoFile
	}
	if uri, ours := p.own(f.URL); ours {
		return uri, f, nil
	}
	select {
	case p.getting <- struct{}{}:
	case <-ctx.Done():
		return id.ContentURI{}, f, context.Cause(ctx)
	}
	defer func() { <-p.getting }()
	uri, f, err := p.upload(ctx, as, f)
	if err != nil {
		p.Counters.Unwanted.Add(1)
		return id.ContentURI{}, f, err
	}
	p.Counters.Fetched.Add(1)
	return uri, f, nil
}

func (p *Proxy) upload(ctx context.Context, as id.UserID, f bridge.File) (id.ContentURI, bridge.File, error) {
	data, f, err := p.fetch(ctx, f)
	if err != nil {
		return id.ContentURI{}, f, err
	}
	defer data.close()
	var answer *mautrix.RespMediaUpload
	for try := 1; ; try++ {
		err = p.opt.Client.Stream(ctx, as, func(ctx context.Context, m *mautrix.Client) error {
			answer, err = m.UploadMedia(ctx, mautrix.ReqUploadMedia{
				Content: data.reader(), ContentLength: f.Size, ContentType: f.Type, FileName: f.Name,
			})
			return err
		})
		if err == nil || try == tries || client.Failure(err).Kind != bridge.ErrOffline {
			break
		}
		select {
		case <-time.After(tryAgain * time.Duration(try)):
		case <-ctx.Done():
			return id.ContentURI{}, f, context.Cause(ctx)
		}
	}
	if err != nil {
		return id.ContentURI{}, f, err
	}
	if answer == nil || answer.ContentURI.IsEmpty() {
		return id.ContentURI{}, f, errors.New("the homeserver took a file and did not say where it is")
	}
	return answer.ContentURI, f, nil
}

// fetch gets what f links. The caller closes the data.
func (p *Proxy) fetch(ctx context.Context, f bridge.File) (data *spool, _ bridge.File, err error) {
	u, err := url.Parse(f.URL)
	if err == nil {
		err = follow(u)
	}
	if err != nil {
		return nil, f, err
	}
	if f.Size > p.opt.MaxSize {
		return nil, f, errTooLarge
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, f, err
	}
	req.Header.Set("User-Agent", "isthmus")
	req.Header.Set("Accept", "*/*")
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, f, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, f, fmt.Errorf("%w: %s", errNoFile, resp.Status)
	case resp.ContentLength > p.opt.MaxSize:
		return nil, f, errTooLarge
	}
	data, err = spooled(resp.Body, p.opt.MaxSize)
	if err != nil {
		return nil, f, err
	}
	f, err = describe(f, data, resp.Header, resp.Request.URL)
	if err != nil {
		data.close()
		return nil, f, err
	}
	return data, f, nil
}

// describe fills in what the data says about the file. What the server or
// somebody else said of its type counts only where the data agrees.
func describe(f bridge.File, data *spool, h http.Header, from *url.URL) (bridge.File, error) {
	said := mediaType(h.Get("Content-Type"))
	if said == "" || said == "application/octet-stream" || said == "binary/octet-stream" {
		said = cmp.Or(mediaType(f.Type), "application/octet-stream")
	}
	f.Type = typeOf(data.head, said)
	if f.Type == "text/html" {
		return f, fmt.Errorf("%w: a page", errNoFile)
	}
	f.Size = data.size
	if strings.HasPrefix(f.Type, "image/") {
		if w, h := dimensions(data.head); w > 0 {
			f.Width, f.Height = w, h
		}
	}
	if f.Name == "" {
		if _, params, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil {
			f.Name = path.Base("/" + params["filename"])
		}
	}
	if f.Name == "" || f.Name == "/" {
		f.Name = path.Base("/" + from.Path)
	}
	f.Name = urlName(f.Name)
	return f, nil
}

// spool is the data of a file, in memory or on disk, to be read more than once.
type spool struct {
	head []byte // its first inMemory bytes, or all
	file *os.File
	size int64
}

// spooled reads all of r, if that isn't more than most bytes.
func spooled(r io.Reader, most int64) (*spool, error) {
	r = io.LimitReader(r, most+1)
	head, err := io.ReadAll(io.LimitReader(r, inMemory))
	if err != nil {
		return nil, err
	}
	s := &spool{head: head, size: int64(len(head))}
	if len(head) == inMemory {
		if err := s.toDisk(r); err != nil {
			s.close()
			return nil, err
		}
	}
	switch {
	case s.size > most:
		s.close()
		return nil, errTooLarge
	case s.size == 0:
		return nil, fmt.Errorf("%w: it is empty", errNoFile)
	}
	return s, nil
}

// toDisk writes what is behind the head into a file that has no name any more.
func (s *spool) toDisk(rest io.Reader) error {
	file, err := os.CreateTemp("", "isthmus-media-")
	if err != nil {
		return fmt.Errorf("no place for a file on its way: %w", err)
	}
	s.file = file
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("no place for a file on its way: %w", err)
	}
	n, err := io.Copy(file, rest)
	s.size += n
	return err
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close() // nobody needs what is in it any more
	}
}

// reader reads the data from its beginning.
func (s *spool) reader() io.Reader {
	head := bytes.NewReader(s.head)
	if s.file == nil {
		return head
	}
	return io.MultiReader(head, io.NewSectionReader(s.file, 0, s.size-int64(len(s.head))))
}
