package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
)

// restart is what to do about a homeserver with another registration than ours.
const restart = "give it the current registration file and restart it"

func wrong(format string, args ...any) State {
	return State{Wrong, fmt.Sprintf(format, args...)}
}

var ok = State{Phase: OK}

// look finds out how things are now, one thing after another: each supposes
// the ones before.
func (c *Checker) look(ctx context.Context) State {
	for _, step := range []func(context.Context) State{c.token, c.namespaces, c.reached} {
		if state := step(ctx); state != ok {
			return state
		}
	}
	return ok
}

// token finds out whether the homeserver knows us, and as whom.
func (c *Checker) token(ctx context.Context) State {
	var who *mautrix.RespWhoami
	err := c.opt.Client.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) (err error) {
		who, err = m.Whoami(ctx)
		return err
	})
	bot, server := c.opt.Client.Bot(), c.opt.Client.ServerName()
	switch {
	case is(err, http.StatusUnauthorized), is(err, http.StatusForbidden):
		return wrong("The homeserver does not know the as_token of the bridge: %s.", restart)
	case errors.Is(err, mautrix.MUnrecognized), is(err, http.StatusNotFound), is(err, http.StatusMethodNotAllowed):
		return wrong("There is no homeserver of Matrix at matrix.homeserver (%v): correct it in the configuration.", err)
	case err != nil:
		return failed(err, "The homeserver does not say who the bridge is")
	case who == nil || who.UserID == "":
		return wrong("What answers at matrix.homeserver is no homeserver of Matrix: correct it in the configuration.")
	case who.UserID.Homeserver() != server:
		return wrong("The homeserver is called %s, and matrix.server_name says %s: correct it in the configuration, and %s.",
			who.UserID.Homeserver(), server, restart)
	case who.UserID != bot:
		return wrong("The homeserver knows the bridge as %s, and the registration file says %s: %s.", who.UserID, bot, restart)
	}
	return ok
}

// namespaces finds out whether the homeserver lets us have the users that we
// think are ours.
func (c *Checker) namespaces(ctx context.Context) State {
	// A bot that isn't in the namespaces is known by its token, which is enough.
	if err := c.register(ctx, c.opt.Client.Bot()); err != nil && !errors.Is(err, mautrix.MExclusive) {
		return failed(err, "The homeserver does not register the bridge's bot")
	}
	for _, ghost := range c.opt.Ghosts {
		err := c.register(ctx, ghost)
		switch {
		case errors.Is(err, mautrix.MExclusive):
			return wrong("The homeserver does not let the bridge have users like %s, so that its registration is another than ours: %s.", ghost, restart)
		case err != nil:
			return failed(err, fmt.Sprintf("The homeserver does not register %s", ghost))
		}
	}
	return ok
}

func (c *Checker) register(ctx context.Context, user id.UserID) error {
	return c.opt.Client.RegisterOnce(ctx, user)
}

// reached finds out whether the homeserver reaches us.
func (c *Checker) reached(ctx context.Context) State {
	select {
	case <-c.opt.Inbox.Listening():
	case <-ctx.Done():
		return State{Waiting, "The bridge does not listen yet."}
	}
	if c.opt.ID == "" {
		return c.asked(ctx)
	}
	heard, strangers := c.opt.Inbox.Heard()
	err := c.ping(ctx)
	if unconnected(err) { // it may have had an old connection, to the process before this one
		err = c.ping(ctx)
	}
	switch {
	case err == nil:
		return ok
	case errors.Is(err, mautrix.MURLNotSet):
		return wrong("The registration that the homeserver has loaded has no url: %s.", restart)
	case unconnected(err), errors.Is(err, mautrix.MBadStatus):
		// Synapse says so, too, when it was trying again just then.
		if now, _ := c.opt.Inbox.Heard(); now > heard && unconnected(err) {
			return State{Waiting, "The homeserver reaches the bridge, but does not see it yet."}
		}
		return c.unreached(heard, strangers)
	case is(err, http.StatusForbidden):
		return wrong("The registration that the homeserver has loaded has another id than %s: %s.", c.opt.ID, restart)
	case is(err, http.StatusNotFound), is(err, http.StatusMethodNotAllowed): // it has no ping
		return c.asked(ctx)
	}
	return failed(err, "The homeserver does not try whether it reaches the bridge")
}

// ping has the homeserver try to reach us (client-server API of application
// services, "Pinging").
func (c *Checker) ping(ctx context.Context) error {
	return c.opt.Client.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.AppservicePing(ctx, c.opt.ID, bridge.NewID())
		return err
	})
}

// unconnected reports whether the homeserver says that a ping did not come through.
func unconnected(err error) bool {
	return errors.Is(err, mautrix.MConnectionFailed) || errors.Is(err, mautrix.MConnectionTimeout)
}

// asked finds out whether the homeserver reaches us where it has no ping: it
// asks us for a room that only we can know.
func (c *Checker) asked(ctx context.Context) State {
	if c.opt.Alias == "" {
		return ok
	}
	heard, strangers := c.opt.Inbox.Heard()
	err := c.opt.Client.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.ResolveAlias(ctx, c.opt.Alias)
		return err
	})
	if now, _ := c.opt.Inbox.Heard(); now > heard {
		return ok
	}
	if err != nil && !refused(err) && !is(err, http.StatusInternalServerError) {
		return failed(err, "The homeserver does not say whether a room exists")
	}
	return c.unreached(heard, strangers)
}

// unreached says why the homeserver doesn't reach us, having tried since we
// had heard so much of it, and of strangers.
func (c *Checker) unreached(heard, strangers int64) State {
	now, others := c.opt.Inbox.Heard()
	switch {
	case now > heard:
		return wrong("Something between the homeserver and the bridge (%s) changes the bridge's answers: let it reach %s directly.",
			c.opt.URL, c.opt.Listen)
	case others > strangers:
		return wrong("The homeserver shows another hs_token than the registration file has: %s.", restart)
	}
	return wrong("The homeserver does not reach the bridge at %s (the url of the registration), where it listens at %s (matrix.listen): make the two meet.",
		c.opt.URL, c.opt.Listen)
}

// is reports whether err is an answer with that status.
func is(err error, status int) bool {
	var e mautrix.HTTPError
	return errors.As(err, &e) && e.IsStatus(status)
}

// refused reports whether the homeserver answered that it won't.
func refused(err error) bool {
	var e mautrix.HTTPError
	return errors.As(err, &e) && e.Response != nil && e.Response.StatusCode < 500
}

// failed is what to make of any other error: a homeserver that is away or busy
// is waited for.
func failed(err error, what string) State {
	switch f := client.Failure(err); f.Kind {
	case bridge.ErrOffline, bridge.ErrTooFast:
		return State{Waiting, fmt.Sprintf("The homeserver does not answer (%v).", client.Reason(err))}
	default:
		return wrong("%s (%v): look into its log.", what, err)
	}
}
