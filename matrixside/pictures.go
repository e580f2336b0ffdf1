package matrixside

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // how large it is
	_ "image/jpeg" // and it
	_ "image/png"  // and it
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/actor"
	"isthmus/matrixside/names"
)

const (
	// pictureSize is how large people's pictures are asked for, in pixels each
	// way, and maxPicture how long one may be in bytes.
	pictureSize = 96
	maxPicture  = 256 << 10
	// maxPictures bounds the pictures whose hashes are known.
	maxPictures = 16384
	// picturesBound is how many wait to be fetched or put onto the homeserver.
	// Who comes when there are so many is shown without one until they change it.
	picturesBound = 2048
	// picturePatience is how long one may take: it may come from far away.
	picturePatience = 30 * time.Second
)

// pictures is what people and rooms look like. Other networks ask for the hash
// of a picture first, which only who has fetched it knows; that is done in
// passing, one after the other.
type pictures struct {
	side *Side
	box  *actor.Mailbox[func(context.Context)]

	mu     sync.Mutex
	hashes map[string]string // by mxc URI; "" for what can't be had
}

var pictureTasks actor.Pool[func(context.Context)]

func newPictures(s *Side) *pictures {
	p := &pictures{side: s, hashes: map[string]string{}}
	p.box = actor.New(picturesBound, &pictureTasks, func(batch []func(context.Context)) {
		for _, do := range batch {
			ctx, cancel := context.WithTimeout(s.ctx, picturePatience)
			do(ctx)
			cancel()
		}
	})
	return p
}

// known is the hash of a picture, "" if nobody has fetched it yet.
func (p *pictures) known(uri string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hashes[uri]
}

func (p *pictures) keep(uri, hash string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.hashes) >= maxPictures {
		for forgotten := range p.hashes {
			delete(p.hashes, forgotten)
			break
		}
	}
	p.hashes[uri] = hash
}

// want calls then with the hash of a picture, in passing, unless it can't be had.
func (p *pictures) want(uri string, then func(hash string)) {
	if uri == "" {
		return
	}
	if !p.box.Offer(func(ctx context.Context) {
		p.mu.Lock()
		hash, known := p.hashes[uri]
		p.mu.Unlock()
		if !known {
			_, data, err := p.fetch(ctx, uri)
			if err != nil {
				p.side.log.Debug("a picture can't be had", "uri", uri, "error", err)
			} else {
				sum := sha1.Sum(data)
				hash = hex.EncodeToString(sum[:])
			}
			if err == nil || ctx.Err() == nil {
				p.keep(uri, hash)
			}
		}
		if hash != "" {
			then(hash)
		}
	}) {
		p.side.Counters.Pictures.Add(1)
	}
}

// fetch brings a picture, in small, from the homeserver: the same one each
// time as long as the homeserver keeps it.
func (p *pictures) fetch(ctx context.Context, uri string) (kind string, data []byte, err error) {
	at, err := id.ParseContentURI(uri)
	if err != nil || at.IsEmpty() {
		return "", nil, errors.New("that is no picture on Matrix")
	}
	err = p.side.options().Client.Stream(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		res, err := m.DownloadThumbnail(ctx, at, pictureSize, pictureSize, mautrix.DownloadThumbnailExtra{Method: "crop"})
		if err == nil {
			kind, data, err = body(res)
		}
		if err == nil && !isTiny(data) {
			return nil
		}
		// What can't be made small may be small, and of what is small Synapse
		// makes a picture that is smaller than it was asked for.
		full, fullErr := m.Download(ctx, at)
		if fullErr != nil {
			return err
		}
		fullKind, fullData, fullErr := body(full)
		if err != nil || fullErr == nil && len(fullData) <= maxPicture {
			kind, data, err = fullKind, fullData, fullErr
		}
		return err
	})
	switch {
	case err != nil:
		return "", nil, err
	case len(data) > maxPicture:
		return "", nil, fmt.Errorf("the picture is longer than %d bytes", maxPicture)
	case !strings.HasPrefix(kind, "image/") || kind == "image/svg+xml":
		return "", nil, fmt.Errorf("%q is no picture", kind)
	}
	return kind, data, nil
}

// body reads a picture that has come, and its type.
func body(res *http.Response) (kind string, data []byte, err error) {
	defer res.Body.Close()
	kind, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	data, err = io.ReadAll(io.LimitReader(res.Body, maxPicture+1))
	return kind, data, err
}

// isTiny reports whether a picture is smaller both ways than it was asked for.
func isTiny(data []byte) bool {
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	return err == nil && c.Width < pictureSize && c.Height < pictureSize
}

// answer answers a query for a picture.
func (s *Side) answerPicture(e bridge.Event, uri string) {
	ctx, cancel := context.WithTimeout(s.ctx, picturePatience)
	defer cancel()
	if uri == "" {
		s.fail(e, bridge.Failure{Kind: bridge.ErrNotFound, Text: "There is no picture."})
		return
	}
	kind, data, err := s.pictures.fetch(ctx, uri)
	if err != nil {
		f := failed(err)
		s.fail(e, bridge.Failure{Kind: f.Kind, Text: "The picture can't be had. " + f.Text})
		return
	}
	s.answer(e, bridge.Answer{Rows: [][]string{{kind, base64.StdEncoding.EncodeToString(data)}}})
}

// answer publishes the answer to a delivered query.
func (s *Side) answer(e bridge.Event, a bridge.Answer) {
	s.core.Publish(bridge.Event{Room: e.Room, By: e.By, Ref: e.ID, Body: a})
}

// wantPicture tells the room how somebody looks, once that is known.
func (n *native) wantPicture(user id.UserID, uri string) {
	n.side.pictures.want(uri, func(hash string) {
		if !n.box.Offer(func() {
			n.mu.Lock()
			m := n.members.get(user)
			still := m != nil && m.avatar == uri && n.open
			n.mu.Unlock()
			if still {
				who, name := n.person(user)
				n.publish(bridge.Event{By: who, Name: name, Body: bridge.Profile{Avatar: hash}})
			}
		}) {
			n.side.Counters.Pictures.Add(1)
		}
	})
}

// wantPictures asks for all that the room shows and nobody has fetched yet.
func (n *native) wantPictures() {
	n.mu.Lock()
	wanted := map[id.UserID]string{}
	for user, m := range n.members.table {
		if m.avatar != "" && !n.side.isOurs(user) && n.side.pictures.known(m.avatar) == "" {
			wanted[user] = m.avatar
		}
	}
	n.mu.Unlock()
	for user, uri := range wanted {
		n.wantPicture(user, uri)
	}
	n.wantRoomPicture()
}

// wantRoomPicture tells how the room looks, once that is known.
func (n *native) wantRoomPicture() {
	n.mu.Lock()
	uri := string(n.state.avatar)
	known := n.state.avatarHash != ""
	n.mu.Unlock()
	if known {
		return
	}
	n.side.pictures.want(uri, func(hash string) {
		if !n.box.Offer(func() {
			n.mu.Lock()
			still := string(n.state.avatar) == uri && n.open
			if still {
				n.state.avatarHash = hash
			}
			n.mu.Unlock()
			if still {
				n.tellInfo()
			}
		}) {
			n.side.Counters.Pictures.Add(1)
		}
	})
}

// maxQuestions bounds the pictures that the core is asked for at once.
const maxQuestions = 1024

// setPicture gives the ghost of somebody the picture with that hash, "" for
// none. The picture itself is asked for in a conversation that the bot has
// with them; see answered. Whoever has no ghost yet has to wait for it.
func (g *ghosts) setPicture(who bridge.Person, hash string) {
	known := g.get(who)
	g.mu.Lock()
	if !known.registered.Load() {
		known.setMore(func(e *extra) { e.later = hash })
		g.mu.Unlock()
		return
	}
	if known.more().wanted == hash || len(g.asked) >= maxQuestions {
		g.mu.Unlock()
		return
	}
	known.setMore(func(e *extra) { e.wanted = hash })
	question := bridge.NewID()
	if hash != "" {
		g.asked[question] = known
	}
	g.mu.Unlock()
	if hash == "" {
		g.wear(known, "", "", nil)
		return
	}
	bot := bridge.Person{Network: bridge.NetworkMatrix, ID: string(g.side.options().Names.BotID())}
	g.side.core.Publish(bridge.Event{
		ID:   question,
		Room: bridge.Room{Network: bridge.NetworkMatrix, ID: names.PortalID(who.ID, who.Network), Owner: bot},
		By:   bot, Body: bridge.Query{What: bridge.QueryAvatar},
	})
}

// answered takes what the core answers to setPicture, and reports whether e is that.
func (g *ghosts) answered(e bridge.Event) bool {
	switch e.Body.(type) {
	case bridge.Answer, bridge.Failure, bridge.Confirm:
	default:
		return false
	}
	g.mu.Lock()
	known := g.asked[e.Ref]
	delete(g.asked, e.Ref)
	a, ok := e.Body.(bridge.Answer)
	ok = ok && len(a.Rows) > 0 && len(a.Rows[0]) > 1
	if known != nil && !ok {
		known.setMore(func(e *extra) { e.wanted = "" }) // next time it is asked for again
	}
	g.mu.Unlock()
	if known == nil || !ok {
		return known != nil
	}
	data, err := base64.StdEncoding.DecodeString(a.Rows[0][1])
	sum := sha1.Sum(data)
	if hash := hex.EncodeToString(sum[:]); err == nil && len(data) <= 4*maxPicture {
		g.wear(known, hash, a.Rows[0][0], data)
	}
	return true
}

// wear puts a picture onto the homeserver and into a ghost's profile, in passing.
func (g *ghosts) wear(k *ghost, hash, kind string, data []byte) {
	if !g.side.pictures.box.Offer(func(ctx context.Context) {
		if g.hold(ctx, k) != nil {
			return
		}
		defer g.release(k)
		g.mu.Lock()
		worn := k.more().avatar
		g.mu.Unlock()
		if worn == hash {
			return
		}
		var uri id.ContentURI
		c := g.side.options().Client
		if hash != "" {
			if err := c.Stream(ctx, k.user, func(ctx context.Context, m *mautrix.Client) error {
				answer, err := m.UploadBytes(ctx, data, kind)
				if err == nil {
					uri = answer.ContentURI
				}
				return err
			}); err != nil {
				g.side.log.Info("a ghost's picture can't be put onto the homeserver", "ghost", k.user, "error", err)
				return
			}
		}
		if err := c.Do(ctx, k.user, func(ctx context.Context, m *mautrix.Client) error {
			return m.SetAvatarURL(ctx, uri)
		}); err != nil {
			g.side.log.Info("a ghost's picture can't be set", "ghost", k.user, "error", err)
			return
		}
		g.mu.Lock()
		k.setMore(func(e *extra) { e.avatar, e.uri = hash, uri.CUString() })
		g.mu.Unlock()
		g.remember(ctx, k)
	}) {
		g.side.Counters.Pictures.Add(1)
	}
}
