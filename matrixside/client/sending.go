package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// markKey is where the content of what we send says with which transaction.
const markKey = "org.isthmus.transaction"

// lookBack is how many of a room's last events are searched for one that may
// have arrived.
const lookBack = 50

// Sending is one message to be put into a room, once, however often it is
// tried. Its transaction id sees to that, unless the homeserver was killed in
// between: a Dendrite forgets them then. So where an answer got lost, the room
// is asked first whether the message is there.
//
//	sending := client.Sending{Room: room, Content: content, Transaction: client.TransactionID(e.ID, ghost, 0)}
//	err := c.Do(ctx, ghost, sending.Try)
//	// sending.Sent is its event id
type Sending struct {
	Room        id.RoomID
	Content     any
	Transaction string
	Sent        id.EventID // once it is there

	lost bool // an answer was, so that it may be there
}

// Try is for Do and Once.
func (s *Sending) Try(ctx context.Context, m *mautrix.Client) error {
	if s.lost {
		if s.Sent = s.find(ctx, m); s.Sent != "" {
			return nil
		}
	}
	content, err := s.marked()
	if err != nil {
		return err
	}
	var answer mautrix.RespSendEvent
	if err := put(ctx, m, content, &answer, "v3", "rooms", string(s.Room), "send", event.EventMessage.Type, s.Transaction); err != nil {
		s.lost = s.lost || unreachable(err) || status(err) >= 500
		return err
	}
	s.Sent = answer.EventID
	return nil
}

// sendingAnswer bounds the answer to one, in bytes: it is an event id.
const sendingAnswer = 64 << 10

// put is mautrix's MakeRequest with PUT, for the one request that is made for
// every message: mautrix takes as long to put it together as it takes to make.
func put(ctx context.Context, m *mautrix.Client, content json.RawMessage, answer any, path ...string) error {
	to := address(m, path...)
	req := (&http.Request{
		Method: http.MethodPut, URL: to,
		Header: http.Header{"Authorization": {"Bearer " + m.AccessToken}, "Content-Type": {"application/json"}, "User-Agent": {m.UserAgent}},
		Body:   io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)),
	}).WithContext(ctx)
	began := time.Now()
	res, err := m.Client.Do(req)
	if err != nil {
		err = mautrix.HTTPError{Request: req, Message: "request error", WrappedError: err}
	} else {
		defer res.Body.Close()
		err = read(req, res, answer)
	}
	m.ResponseHook(req, res, err, time.Since(began))
	return err
}

// address is mautrix's BuildClientURL.
func address(m *mautrix.Client, path ...string) *url.URL {
	to := *m.HomeserverURL
	to.Path, to.RawPath = strings.TrimSuffix(to.Path, "/")+"/_matrix/client", strings.TrimSuffix(to.RawPath, "/")+"/_matrix/client"
	for _, part := range path {
		to.Path += "/" + part
		to.RawPath += "/" + url.PathEscape(part)
	}
	if m.SetAppServiceUserID {
		to.RawQuery = "user_id=" + url.QueryEscape(m.UserID.String())
	}
	return &to
}

// read reads what a request was answered with.
func read(req *http.Request, res *http.Response, answer any) error {
	if res.StatusCode < 200 || res.StatusCode >= 300 {
		_, err := mautrix.ParseErrorResponse(req, res)
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, sendingAnswer))
	if err == nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil {
		return mautrix.HTTPError{Request: req, Response: res, Message: "no answer that can be read", WrappedError: err}
	}
	return nil
}

// marked is the content as JSON, with the mark as its last field.
func (s *Sending) marked() (json.RawMessage, error) {
	content, err := json.Marshal(s.Content)
	if err != nil {
		return nil, err
	}
	transaction, err := json.Marshal(s.Transaction)
	if err != nil {
		return nil, err
	}
	if len(content) < 2 || content[0] != '{' {
		return nil, fmt.Errorf("a message that is no object: %T", s.Content)
	}
	content = content[:len(content)-1]
	if len(content) > 1 {
		content = append(content, ',')
	}
	content = append(content, `"`+markKey+`":`...)
	return append(append(content, transaction...), '}'), nil
}

// find is the event that an earlier try has made, "" if there is none, or if
// the room can't be read: the transaction id has to do then.
func (s *Sending) find(ctx context.Context, m *mautrix.Client) id.EventID {
	page, err := m.Messages(ctx, s.Room, "", "", mautrix.DirectionBackward, nil, lookBack)
	if err != nil {
		return ""
	}
	for _, e := range page.Chunk {
		if mark, _ := e.Content.Raw[markKey].(string); mark == s.Transaction && e.Sender == m.UserID {
			return e.ID
		}
	}
	return ""
}
