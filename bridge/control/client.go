package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// ErrNotRunning means that nobody serves the socket.
var ErrNotRunning = errors.New("no isthmus is running")

// Client asks the process that serves a socket.
type Client struct {
	path string
	http http.Client
}

// Dial makes a client; it connects when it asks.
func Dial(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	return c
}

// Get asks, and reads the answer into a pointer.
func (c *Client) Get(ctx context.Context, what string, with url.Values, answer any) error {
	return c.ask(ctx, http.MethodGet, what, with, nil, func(body io.Reader) error {
		return json.NewDecoder(body).Decode(answer)
	})
}

// Post asks with a value, and reads the answer into a pointer.
func (c *Client) Post(ctx context.Context, what string, value, answer any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.ask(ctx, http.MethodPost, what, nil, bytes.NewReader(data), func(body io.Reader) error {
		return json.NewDecoder(body).Decode(answer)
	})
}

// Stream calls each for every value of a Stream until it ends, each returns an
// error, or ctx ends, which is none.
func (c *Client) Stream(ctx context.Context, what string, with url.Values, each func(json.RawMessage) error) error {
	err := c.ask(ctx, http.MethodGet, what, with, nil, func(body io.Reader) error {
		for dec := json.NewDecoder(body); ; {
			var value json.RawMessage
			if err := dec.Decode(&value); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := each(value); err != nil {
				return err
			}
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Client) ask(ctx context.Context, method, what string, with url.Values, body io.Reader, read func(io.Reader) error) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://isthmus"+what+"?"+with.Encode(), body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(r)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w with the socket %s", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may be opened by the user that isthmus runs as, and by root", c.path)
	case err != nil:
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f failure
		if json.NewDecoder(resp.Body).Decode(&f) != nil || f.Error == "" {
			f.Error = "isthmus answers " + resp.Status + ": is it an older one?"
		}
		return errors.New(f.Error)
	}
	return read(resp.Body)
}
