package main

import (
	"context"

	"isthmus/bridge/metrics"
)

// serveMetrics answers Prometheus until ctx ends.
func (g *gateway) serveMetrics(ctx context.Context) {
	if err := g.allMetrics().Serve(ctx, g.metrics); err != nil {
		g.fail(err)
	}
}

// allMetrics names what the packages count; docs/admin.md explains how to use it.
func (g *gateway) allMetrics() *metrics.Metrics {
	m := metrics.New()

	core := &g.hub.Counters
	metrics.Counter(m, "isthmus_core_events_total", "Events taken in.", &core.Published)
	metrics.Counter(m, "isthmus_core_orphans_total", "Facts of rooms that nobody is in any more.", &core.Orphans)
	metrics.Counter(m, "isthmus_core_refused_total", "Requests that no link has a place for.", &core.Refused)
	metrics.Counter(m, "isthmus_core_lost_total", "Deliveries given up because a queue was full.", &core.Lost)
	m.Gauge("isthmus_core_portals", "Conversations.", g.hub.Portals)

	mapped := &g.maps.Counters
	m.Gauge("isthmus_mapped_rooms", "Rooms that links name.", func() int { return g.mappedRooms("") })
	m.Gauge("isthmus_mapped_rooms_joined", "Of these, those that the bridge is in.", func() int { return g.mappedRooms("joined") })
	metrics.Counter(m, "isthmus_mapped_messages_total", "Messages taken up from mapped rooms.", &mapped.Crossed)
	metrics.Counter(m, "isthmus_mapped_failed_total", "Messages that did not reach a room of their link; their senders were told.", &mapped.Failed)
	metrics.Counter(m, "isthmus_mapped_repeated_total", "Messages of other bridges that repeat ours, not carried on.", &mapped.Repeated)
	metrics.Counter(m, "isthmus_mapped_banned_total", "Messages of who is banned from a link.", &mapped.Banned)
	metrics.Counter(m, "isthmus_audit_records_total", "Records of moderation written.", &g.audit.Counters.Written)
	metrics.Counter(m, "isthmus_audit_lost_total", "Records of moderation that could not be written.", &g.audit.Counters.Lost)

	st := &g.store.Counters
	metrics.Counter(m, "isthmus_store_message_ids_total", "Message ids committed.", &st.Recorded)
	metrics.Counter(m, "isthmus_store_lost_total", "Message ids that could not be recorded.", &st.Lost)
	metrics.Counter(m, "isthmus_store_commits_total", "Commits.", &st.Commits)
	metrics.Counter(m, "isthmus_store_subscriptions_refused_total", "Subscriptions that there was no place for.", &st.Refused)

	x := &g.xmpp.Counters
	metrics.Counter(m, "isthmus_xmpp_refused_total", "Stanzas of people who may not use the gateway.", &x.Refused)
	metrics.Counter(m, "isthmus_xmpp_too_fast_total", "Stanzas over a rate.", &x.TooFast)
	metrics.Counter(m, "isthmus_xmpp_unasked_total", "Answers that nobody waited for.", &x.Unasked)
	metrics.Counter(m, "isthmus_xmpp_unsent_total", "Sends on a domain that is not served any more.", &x.Unsent)
	metrics.Counter(m, "isthmus_xmpp_bad_addresses_total", "Stanzas to what is no address here.", &x.Addresses)
	metrics.Counter(m, "isthmus_xmpp_subscriptions_forgotten_total", "Subscriptions that could not be kept.", &x.Forgotten)
	metrics.Counter(m, "isthmus_xmpp_signals_over_budget_total", "Typing and reading beyond what may be told.", &x.Signals)
	metrics.Counter(m, "isthmus_xmpp_connects_total", "Handshakes with XMPP servers.", &x.Link.Connected)
	metrics.Counter(m, "isthmus_xmpp_received_total", "Stanzas received.", &x.Link.Received)
	metrics.Counter(m, "isthmus_xmpp_malformed_total", "Stanzas refused as they stood.", &x.Link.Malformed)
	metrics.Counter(m, "isthmus_xmpp_sent_bytes_total", "Bytes sent.", &x.Link.SentBytes)
	metrics.Counter(m, "isthmus_xmpp_lost_bytes_total", "Bytes given up with a broken link, or after a long time without.", &x.Link.LostBytes)
	metrics.Counter(m, "isthmus_xmpp_lost_sends_total", "Sends not even queued, after a long time without a link.", &x.Link.LostSends)
	metrics.Counter(m, "isthmus_xmpp_unanswered_total", "Queries that nobody answered in time.", &x.Link.Unanswered)

	guests := &x.Guests
	m.Gauge("isthmus_guests_puppets", "People of other networks in rooms of other XMPP servers.", func() int { return int(guests.Puppets.Load()) })
	metrics.Counter(m, "isthmus_guests_rejoins_total", "Attempts to come back into a room.", &guests.Rejoins)
	metrics.Counter(m, "isthmus_guests_crowded_total", "Occupants for whom a room's list had no place.", &guests.Crowded)
	metrics.Counter(m, "isthmus_guests_flooded_total", "Private messages beyond what anybody can read.", &guests.Flooded)
	metrics.Counter(m, "isthmus_guests_signals_over_budget_total", "Typing and reading left out: a room has had enough.", &guests.Signals)
	metrics.Counter(m, "isthmus_guests_ignored_total", "Stanzas of rooms that mean nothing here.", &guests.Ignored)
	metrics.Counter(m, "isthmus_guests_timeouts_total", "Requests that a room did not answer.", &guests.Timeouts)
	metrics.Counter(m, "isthmus_guests_surprises_total", "Rooms that came into being by a join of ours, and were left.", &guests.Surprises)
	metrics.Counter(m, "isthmus_guests_echoes_total", "Our own words in a room, repeated by somebody else.", &guests.Echoes)

	irc := &g.irc.Counters
	m.Gauge("isthmus_irc_sessions", "Open connections to IRC.", func() int { return int(irc.Sessions.Load()) })
	metrics.Counter(m, "isthmus_irc_malformed_total", "Lines with too few parameters.", &irc.Malformed)
	metrics.Counter(m, "isthmus_irc_ctcp_ignored_total", "CTCP queries that were not answered.", &irc.CTCP)
	metrics.Counter(m, "isthmus_irc_flooded_total", "Private messages beyond what anybody can read.", &irc.Flooded)
	metrics.Counter(m, "isthmus_irc_empty_total", "Messages without text.", &irc.Empty)
	metrics.Counter(m, "isthmus_irc_forced_joins_total", "Channels that a server put somebody in.", &irc.Forced)
	metrics.Counter(m, "isthmus_irc_crowded_total", "Members for whom a channel's list had no place.", &irc.Crowded)
	metrics.Counter(m, "isthmus_irc_braked_total", "Times that a network threw out so many that nobody else tried for a while.", &irc.Braked)
	metrics.Counter(m, "isthmus_irc_unanswered_total", "Words to the bridge itself that were not answered, being too many.", &irc.Unanswered)
	metrics.Counter(m, "isthmus_irc_dropped_total", "Requests given up before a connection was there.", &irc.Dropped)
	metrics.Counter(m, "isthmus_irc_unsaid_total", "Notices of the relay that could not be sent.", &irc.Unsaid)
	s := &irc.Session
	metrics.Counter(m, "isthmus_irc_long_lines_total", "Lines skipped for their length.", &s.LongLines)
	metrics.Counter(m, "isthmus_irc_bad_lines_total", "Lines that are none.", &s.BadLines)
	metrics.Counter(m, "isthmus_irc_batches_untracked_total", "Batches too many or too deep to track.", &s.Batches)
	metrics.Counter(m, "isthmus_irc_replies_dropped_total", "Reply lines beyond what a request may get.", &s.Replies)
	metrics.Counter(m, "isthmus_irc_timeouts_total", "Requests that were never answered.", &s.Timeouts)
	if g.matrix != nil {
		g.matrixMetrics(m)
	}
	return m
}

// mappedRooms counts the mapped rooms that are in a state, or all.
func (g *gateway) mappedRooms(state string) (n int) {
	for _, l := range g.maps.Status() {
		for _, r := range l.Rooms {
			if state == "" || r.State == state {
				n++
			}
		}
	}
	return n
}

// matrixMetrics names what the packages of Matrix count.
func (g *gateway) matrixMetrics(m *metrics.Metrics) {
	side := &g.matrix.Counters
	metrics.Counter(m, "isthmus_matrix_strays_total", "Events of rooms that the bridge has nothing to do with.", &side.Strays)
	metrics.Counter(m, "isthmus_matrix_malformed_total", "Events that don't say what they must.", &side.Malformed)
	metrics.Counter(m, "isthmus_matrix_signals_over_budget_total", "Typing, receipts and presence beyond a budget.", &side.Signals)
	metrics.Counter(m, "isthmus_matrix_given_up_total", "Things that could not be done on Matrix.", &side.GivenUp)
	metrics.Counter(m, "isthmus_matrix_pictures_left_out_total", "Pictures beyond what can be fetched or shown.", &side.Pictures)

	in := g.matrix.Inbox()
	m.Gauge("isthmus_matrix_inbox_held", "Events of the homeserver that are not carried on yet.", func() int { return int(in.Held()) })
	metrics.Counter(m, "isthmus_matrix_transactions_total", "Transactions taken.", &in.Counters.Transactions)
	metrics.Counter(m, "isthmus_matrix_events_total", "Events taken, each once.", &in.Counters.Events)
	metrics.Counter(m, "isthmus_matrix_echoes_total", "Events that were the bridge's own messages.", &in.Counters.Echoes)
	metrics.Counter(m, "isthmus_matrix_repeated_total", "Events that had been taken before.", &in.Counters.Repeated)
	metrics.Counter(m, "isthmus_matrix_unreadable_total", "Events that nobody could make sense of.", &in.Counters.Malformed)
	metrics.Counter(m, "isthmus_matrix_full_total", "Transactions refused for now: too much is not carried on yet.", &in.Counters.Full)
	metrics.Counter(m, "isthmus_matrix_unstored_total", "Transactions refused for now: the store took nothing.", &in.Counters.Failed)
	metrics.Counter(m, "isthmus_matrix_strangers_total", "Requests without the homeserver's token.", &in.Counters.Strangers)
	metrics.Counter(m, "isthmus_matrix_signals_lost_total", "Typing, receipts and presence left out of a full queue.", &in.Counters.SignalsLost)
	metrics.Counter(m, "isthmus_matrix_sync_gaps_total", "Times that the homeserver left deletions out.", &in.Counters.SyncGaps)
	metrics.Counter(m, "isthmus_matrix_unforgotten_total", "Events carried on that the store still holds: they come again at the next start.", &in.Counters.Unforgotten)

	out := &g.homeserver.Counters
	metrics.Counter(m, "isthmus_matrix_requests_total", "Requests to the homeserver.", &out.Requests)
	metrics.Counter(m, "isthmus_matrix_retries_total", "Of these, not the first.", &out.Retries)
	metrics.Counter(m, "isthmus_matrix_refused_total", "Requests that the homeserver refused.", &out.Refused)
	metrics.Counter(m, "isthmus_matrix_outages_total", "Times that the homeserver went away.", &out.Outages)

	files := &g.media.Counters
	metrics.Counter(m, "isthmus_matrix_files_served_total", "Files given to people of other networks.", &files.Served)
	metrics.Counter(m, "isthmus_matrix_files_refused_total", "Links that were wrong or too old, and too many at once.", &files.Refused)
	metrics.Counter(m, "isthmus_matrix_files_fetched_total", "Files brought onto the homeserver.", &files.Fetched)
	metrics.Counter(m, "isthmus_matrix_files_unwanted_total", "Links that were not: too large, unreachable, or no file.", &files.Unwanted)
}
