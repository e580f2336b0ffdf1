package client

import (
	"context"
	"net/http"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// software is what a homeserver calls itself.
type software struct {
	Server struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"server"`
}

// Software returns what the homeserver calls itself ("Synapse", "Dendrite")
// and its version, "" if it doesn't say, having asked as Do does (server-server
// API §4.3). It asks once; what it says is only good for choosing between ways
// that both work.
func (c *Client) Software(ctx context.Context) (name, version string, err error) {
	if s := c.software.Load(); s != nil {
		return s.Server.Name, s.Server.Version, nil
	}
	var got software
	err = c.Do(ctx, id.UserID(""), func(ctx context.Context, m *mautrix.Client) error {
		got = software{}
		_, answer, err := m.MakeFullRequestWithResp(ctx, mautrix.FullRequest{Method: http.MethodGet, ResponseJSON: &got,
			URL: m.BuildURL(mautrix.BaseURLPath{"_matrix", "federation", "v1", "version"})})
		if got.Server.Name == "" && answer != nil { // one that speaks to no others
			got.Server.Name, got.Server.Version = product(answer.Header.Get("Server"))
		}
		return err
	})
	if err != nil && !refused(err) {
		return "", "", err
	}
	c.software.Store(&got)
	return got.Server.Name, got.Server.Version, nil
}

// product takes Synapse's name out of its answers' header; with other names
// it is a proxy's.
func product(header string) (name, version string) {
	if name, version, _ = strings.Cut(header, "/"); name == "Synapse" {
		return name, version
	}
	return "", ""
}
