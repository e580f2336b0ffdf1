package ircside

import (
	"context"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"isthmus/bridge"
	"isthmus/ircside/session"
)

const (
	// stable is how long a session must have lived for its end to be no
	// reason to wait longer and longer.
	stable = time.Minute
	// privateLinger is how long a session without rooms is kept for who talks
	// to somebody one to one.
	privateLinger = 30 * time.Minute
)

// connect sees to it that there will be a session. The failure is why not.
// It may be called in any phase.
func (c *client) connect() (bridge.Failure, bool) {
	switch c.phase {
	case phaseDown:
		if why, ok := c.net.welcome(c.who(), time.Now()); !ok {
			return why, false
		}
		if wait, too := c.net.crowded(time.Now()); too {
			return bridge.Failure{Kind: bridge.ErrTooFast, Text: "Very many people are connecting to " + c.net.name +
				" at the moment. Try again in " + wait.Round(time.Minute).String() + "."}, false
		}
		if !c.net.takePlace(c.who()) {
			return bridge.Failure{Kind: bridge.ErrTooMany, Text: "No more people of this gateway may connect to " + c.net.name + " at the moment."}, false
		}
		c.schedule(0)
	case phaseUp:
		c.stopTimer() // somebody who lingered is back
	}
	return bridge.Failure{}, true
}

// schedule opens a session after wait, when the network's rate allows it.
func (c *client) schedule(wait time.Duration) {
	c.phase = phaseWaiting
	if wait <= 0 {
		c.takeTurn()
		return
	}
	c.start(wait, func() {
		c.lock()
		defer c.unlock()
		if c.phase == phaseWaiting && c.turn.IsZero() {
			c.takeTurn()
		}
	})
}

// takeTurn opens a session when its turn comes.
func (c *client) takeTurn() {
	now := time.Now()
	if _, wait := c.net.heldBack(c.who(), now); wait > 0 {
		c.schedule(wait)
		return
	}
	c.turn = c.net.takeTurn(now)
	c.start(c.turn.Sub(now), c.open)
}

// start sets the client's one timer.
func (c *client) start(wait time.Duration, do func()) {
	c.stopTimer()
	side := c.net.side
	if !side.begin() {
		return
	}
	c.timer = time.AfterFunc(wait, func() {
		defer side.work.Done()
		do()
	})
}

func (c *client) stopTimer() {
	if c.timer != nil && c.timer.Stop() {
		c.net.side.work.Done()
	}
	c.timer = nil
}

// open opens the session, in the timer's goroutine.
func (c *client) open() {
	side := c.net.side
	err := c.askLogin()
	c.lock()
	defer c.unlock()
	switch {
	case c.phase != phaseWaiting:
		return
	case err != nil:
		c.net.log.Error("settings can't be read", "session", c.who(), "error", err)
		c.ended(err)
		return
	case c.login == nil: // changed this moment
		c.start(0, c.open)
		return
	}
	if why, wait := c.net.heldBack(c.who(), time.Now()); wait > 0 { // since they took their turn
		c.turn = time.Time{}
		c.ended(errHeld{why})
		return
	}
	c.timer, c.turn = nil, time.Time{}
	c.phase = phaseOpening
	side.work.Add(1)
	side.Counters.Sessions.Add(1)
	c.sess = session.Open(side.ctx, c.config(), c)
}

// loginTimeout is how long it may take to find out what somebody has set.
const loginTimeout = 15 * time.Second

// askLogin finds out what somebody has set, unless it is known. What they
// change meanwhile counts.
func (c *client) askLogin() error {
	ctx, cancel := context.WithTimeout(c.net.side.ctx, loginTimeout)
	defer cancel()
	for {
		c.lock()
		known, edits := c.login != nil, c.edits
		c.unlock()
		if known {
			return nil
		}
		asked, err := c.net.loginOf(ctx, c.who())
		if err != nil {
			return err
		}
		c.lock()
		if edits == c.edits {
			c.login = &asked
		}
		c.unlock()
	}
}

// config says how to connect and as whom.
func (c *client) config() session.Config {
	set, login := c.net.set.Load(), c.login
	opts := c.net.side.opts.Load()
	nick := c.nickFor(c.nickWished())
	cfg := session.Config{
		Addresses:    set.Addresses,
		TLS:          set.TLS,
		AllowPrivate: !opts.isUnlisted(c.net.name) || opts.PrivateAddresses,
		Password:     set.Password,
		Nick:         nick,
		ExactNick:    c.exactNick(),
		Plainer:      c.plainer(nick),
		Username:     username(c.fill(set.Username)),
		Realname:     reasonOf(c.realname(set), maxRealname),
		SASL:         session.SASL{Account: login.Account, Password: login.Password, External: login.Certificate != nil},
		Flood:        set.Flood,
		PingInterval: set.Ping,
		Supports:     &c.net.supports,
		Stats:        &c.net.side.Counters.Session,
		Logger:       c.net.log,
	}
	if login.Certificate != nil {
		cfg.TLS.Certificate = login.Certificate
	}
	if c.keeper() {
		cfg.Username, cfg.QueueLines = username(set.Relay.Nick), keeperQueue
	}
	return cfg
}

// Ready implements session.Handler: registered.
func (c *client) Ready() {
	c.lock()
	defer c.unlock()
	c.table = c.sess.ISupport()
	c.net.setMapping(c.table.CaseMapping)
	was := c.nick
	c.nick = c.sess.Nick()
	c.net.setNick(c, was, c.nick)
	if c.phase != phaseOpening {
		return
	}
	c.noteNick()
	c.phase, c.since = phaseUp, time.Now()
	c.net.log.Info("session up", "session", c.who(), "nick", c.nick)
	c.tellSession(true, "Connected to "+c.net.name+" as "+c.nick+".")
	c.sayBot()
	c.sendNotices()
	c.awaySent = ""
	c.sendAway()
	for _, m := range c.rooms {
		c.sendJoin(m)
	}
	c.sendWatches(c.allWatches()...)
	waiting := c.waiting
	c.waiting = nil
	for _, e := range waiting {
		c.deliverPrivate(e)
	}
	c.lingerIfIdle()
}

// Closed implements session.Handler: the session is over.
func (c *client) Closed(err error) {
	defer c.net.side.work.Done()
	c.net.side.Counters.Sessions.Add(-1)
	c.lock()
	defer c.unlock()
	c.net.setNick(c, c.nick, "")
	c.nick = ""
	if !c.since.IsZero() && time.Since(c.since) > stable {
		c.retry = nil
		c.net.forgive(c.who())
	}
	c.since, c.sess = time.Time{}, nil
	if c.keeper() { // it is asked anew
		c.login = nil
	}
	for _, m := range c.rooms {
		c.detach(m)
		m.parts = 0
	}
	c.dropRaw()
	c.ended(err)
}

// ended decides what follows a session that is over, or never came to be. A
// nil error means that it was ended by ourselves.
func (c *client) ended(err error) {
	c.stopTimer()
	c.phase = phaseDown
	for i := len(c.rooms) - 1; i >= 0; i-- { // those they left, though the server's word of it never came
		c.dropIfLeft(c.rooms[i])
	}
	why := bridge.Failure{Kind: bridge.ErrOffline, Text: "The connection to " + c.net.name + " was closed."}
	if err != nil {
		why = c.failure(err)
		c.net.log.Info("session down", "session", c.who(), "error", err)
		if unwelcome(err) {
			c.net.noteRefusal(c.who(), why, time.Now())
			c.net.pull(c.who(), err, why, time.Now())
		}
	}
	c.tellSession(false, why.Text)
	c.watchedOffline()
	switch {
	case c.net.side.isStopping():
		c.failAll(why)
		c.abandon(bridge.Leave{Cause: bridge.CauseShutdown}, false)
	case permanent(err):
		c.failAll(why)
		c.abandon(thrownOff(err, why), true)
	case err != nil:
		c.failAll(why)
	}
	if len(c.rooms) == 0 && len(c.waiting) == 0 && !(c.standing && !c.net.isDead() && !c.net.side.isStopping()) {
		c.retry = nil
		c.net.freePlace(c.who())
		return
	}
	wait := time.Duration(0) // ended by ourselves, but somebody came back meanwhile
	if err != nil {
		wait = c.nextWait()
	}
	if permanent(err) { // nobody but a Keeper that stands is left
		wait = unwelcomeWait
	}
	c.tellLost(why.Text)
	c.schedule(wait)
}

// tellLost tells in each room that its person can't be heard there for now.
func (c *client) tellLost(why string) {
	text := "Connection to " + c.net.name + " lost: " + strings.TrimRight(why, ". ") + ". Trying again."
	for _, m := range c.rooms {
		if m.known && !m.lost {
			m.lost = true
			c.emit(bridge.Event{Room: m.ch.room, By: c.who(), Name: m.name, Body: bridge.Attachment{Text: text}})
			if c.keeper() {
				c.events = append(c.events, m.ch.cutOff(text)...)
			}
		}
	}
}

// failAll answers everything that waits for a session. Rooms in which somebody
// was already stay.
func (c *client) failAll(why bridge.Failure) {
	for _, e := range c.waiting {
		c.fail(e, why)
	}
	c.waiting = nil
	for i := len(c.rooms) - 1; i >= 0; i-- {
		if m := c.rooms[i]; !m.known {
			c.refuse(m, why)
		} else {
			c.answerJoin(m, why)
		}
	}
}

// abandon takes somebody out of all rooms.
func (c *client) abandon(how bridge.Leave, tell bool) {
	for i := len(c.rooms) - 1; i >= 0; i-- {
		m := c.rooms[i]
		switch {
		case tell && m.known:
			c.left(m, how)
		case !tell:
			m.ch.evictLodgers(how)
		}
		c.drop(m)
	}
}

// nextWait is how long to wait before the next attempt: longer each time, and
// never the same for all.
func (c *client) nextWait() time.Duration {
	if c.retry == nil {
		set := c.net.set.Load()
		c.retry = backoff.NewExponentialBackOff()
		if set.ReconnectFirst > 0 {
			c.retry.InitialInterval = set.ReconnectFirst
		}
		c.retry.MaxInterval = max(set.ReconnectMost, c.retry.InitialInterval)
		c.retry.Multiplier = 2
		c.retry.Reset()
	}
	return c.retry.NextBackOff()
}

// close says QUIT, or gives up what has not begun.
func (c *client) close(reason string) {
	switch c.phase {
	case phaseWaiting:
		c.stopTimer()
		c.net.giveBack(c.turn, time.Now())
		c.turn = time.Time{}
		c.ended(nil)
	case phaseOpening, phaseUp:
		c.stopTimer()
		c.phase = phaseClosing
		c.sess.Close(reason)
	}
}

// evict ends somebody's stay on a network that is not served any more.
func (c *client) evict(reason string) {
	c.failAll(bridge.Failure{Kind: bridge.ErrGone, Text: reason})
	c.abandon(bridge.Leave{Cause: bridge.CauseKill, Reason: reason}, true)
	c.tellSession(false, reason)
	c.watchedOffline()
	c.private = nil
	c.close(reason)
}

// lingerIfIdle closes the session in a while if nobody needs it then.
func (c *client) lingerIfIdle() {
	if c.phase != phaseUp || len(c.rooms) > 0 || c.standing {
		return
	}
	wait := c.net.set.Load().Linger
	if p := c.private; p != nil {
		wait = max(wait, time.Until(p.linger))
	}
	c.start(wait, func() {
		c.lock()
		defer c.unlock()
		if c.phase == phaseUp && len(c.rooms) == 0 && !c.standing {
			c.close("Nobody is here any more")
		}
	})
}
