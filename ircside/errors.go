package ircside

import (
	"context"
	"errors"
	"strings"

	"isthmus/bridge"
	"isthmus/ircside/line"
	"isthmus/ircside/session"
	"isthmus/ircside/text"
)

// numericKinds tells what each error numeric comes to: RFC 1459 and 2812, and
// what InspIRCd, UnrealIRCd, Solanum, Ergo, ngIRCd, ircu and Bahamut made of
// the rest. Where they disagree, the one stands that can answer a join,
// message, nick, kick, topic or mode.
var numericKinds = map[int]bridge.ErrorKind{
	263: bridge.ErrTooFast,      // RPL_TRYAGAIN
	401: bridge.ErrNotFound,     // NOSUCHNICK
	402: bridge.ErrNotFound,     // NOSUCHSERVER
	403: bridge.ErrNotFound,     // NOSUCHCHANNEL
	404: bridge.ErrNoVoice,      // CANNOTSENDTOCHAN
	405: bridge.ErrTooMany,      // TOOMANYCHANNELS
	406: bridge.ErrNotFound,     // WASNOSUCHNICK
	407: bridge.ErrTooMany,      // TOOMANYTARGETS
	408: bridge.ErrPolicy,       // NOCOLORSONCHAN
	411: bridge.ErrNotFound,     // NORECIPIENT
	412: bridge.ErrPolicy,       // NOTEXTTOSEND, after a filter took it all
	413: bridge.ErrBadName,      // NOTOPLEVEL
	414: bridge.ErrBadName,      // WILDTOPLEVEL
	415: bridge.ErrBadName,      // BADMASK
	416: bridge.ErrTooMany,      // TOOMANYMATCHES
	417: bridge.ErrTooLong,      // INPUTTOOLONG
	421: bridge.ErrUnsupported,  // UNKNOWNCOMMAND
	423: bridge.ErrNotFound,     // NOADMININFO
	431: bridge.ErrBadName,      // NONICKNAMEGIVEN
	432: bridge.ErrBadName,      // ERRONEUSNICKNAME
	433: bridge.ErrConflict,     // NICKNAMEINUSE
	434: bridge.ErrConflict,     // SERVICENAMEINUSE
	435: bridge.ErrBanned,       // BANONCHAN: no nick change while banned
	436: bridge.ErrConflict,     // NICKCOLLISION
	437: bridge.ErrOffline,      // UNAVAILRESOURCE; see replyKind
	438: bridge.ErrTooFast,      // NICKTOOFAST
	439: bridge.ErrTooFast,      // TARGETTOOFAST
	440: bridge.ErrOffline,      // SERVICESDOWN
	441: bridge.ErrNotFound,     // USERNOTINCHANNEL
	442: bridge.ErrNotInRoom,    // NOTONCHANNEL
	443: bridge.ErrConflict,     // USERONCHANNEL
	445: bridge.ErrUnsupported,  // SUMMONDISABLED
	446: bridge.ErrUnsupported,  // USERSDISABLED
	447: bridge.ErrPolicy,       // NONICKCHANGE: the channel is +N
	448: bridge.ErrPolicy,       // FORBIDDENCHANNEL
	449: bridge.ErrUnsupported,  // NOTIMPLEMENTED
	451: bridge.ErrOffline,      // NOTREGISTERED
	455: bridge.ErrBadName,      // HOSTILENAME
	456: bridge.ErrTooMany,      // ACCEPTFULL
	457: bridge.ErrConflict,     // ACCEPTEXIST
	458: bridge.ErrNotFound,     // ACCEPTNOT
	460: bridge.ErrNoPrivileges, // NOTFORHALFOPS
	461: bridge.ErrUnsupported,  // NEEDMOREPARAMS
	462: bridge.ErrPolicy,       // ALREADYREGISTRED
	463: bridge.ErrBanned,       // NOPERMFORHOST
	464: bridge.ErrAuth,         // PASSWDMISMATCH
	465: bridge.ErrBanned,       // YOUREBANNEDCREEP
	466: bridge.ErrBanned,       // YOUWILLBEBANNED
	467: bridge.ErrConflict,     // KEYSET
	468: bridge.ErrNoPrivileges, // ONLYSERVERSCANCHANGE
	470: bridge.ErrMoved,        // LINKCHANNEL; see failureOf
	471: bridge.ErrFull,         // CHANNELISFULL
	472: bridge.ErrUnsupported,  // UNKNOWNMODE
	473: bridge.ErrMembersOnly,  // INVITEONLYCHAN
	474: bridge.ErrBanned,       // BANNEDFROMCHAN
	475: bridge.ErrPassword,     // BADCHANNELKEY
	476: bridge.ErrBadName,      // BADCHANMASK
	477: bridge.ErrMembersOnly,  // NEEDREGGEDNICK
	478: bridge.ErrTooMany,      // BANLISTFULL
	479: bridge.ErrBadName,      // BADCHANNAME
	480: bridge.ErrPolicy,       // THROTTLE, SSLONLYCHAN
	481: bridge.ErrNoPrivileges, // NOPRIVILEGES
	482: bridge.ErrNoPrivileges, // CHANOPRIVSNEEDED
	483: bridge.ErrNoPrivileges, // CANTKILLSERVER
	484: bridge.ErrNoPrivileges, // RESTRICTED, ISCHANSERVICE
	485: bridge.ErrNoPrivileges, // UNIQOPRIVSNEEDED
	486: bridge.ErrNoVoice,      // NONONREG: only registered people may write them
	487: bridge.ErrPolicy,       // CHANTOORECENT, MSGSERVICES
	488: bridge.ErrPolicy,       // NOSSL
	489: bridge.ErrPolicy,       // SECUREONLYCHAN
	490: bridge.ErrPolicy,       // ALLMUSTSSL, NOSWEAR
	491: bridge.ErrNoPrivileges, // NOOPERHOST
	492: bridge.ErrNoVoice,      // NOCTCP, CANNOTSENDTOUSER
	493: bridge.ErrNoVoice,      // NOSHAREDCHAN
	494: bridge.ErrNoVoice,      // OWNMODE
	495: bridge.ErrTooFast,      // DELAYREJOIN
	499: bridge.ErrNoPrivileges, // CHANOWNPRIVNEEDED
	500: bridge.ErrTooFast,      // TOOMANYJOINS
	501: bridge.ErrUnsupported,  // UMODEUNKNOWNFLAG
	502: bridge.ErrNoPrivileges, // USERSDONTMATCH
	511: bridge.ErrTooMany,      // SILELISTFULL
	512: bridge.ErrTooMany,      // TOOMANYWATCH
	515: bridge.ErrTooFast,      // TARGETTOOFAST (Bahamut)
	517: bridge.ErrPolicy,       // DISABLED
	518: bridge.ErrPolicy,       // NOINVITE
	519: bridge.ErrNoPrivileges, // ADMONLY
	520: bridge.ErrNoPrivileges, // OPERONLY
	521: bridge.ErrUnsupported,  // LISTSYNTAX
	524: bridge.ErrNotFound,     // HELPNOTFOUND
	525: bridge.ErrPassword,     // INVALIDKEY
	531: bridge.ErrNoVoice,      // CANTSENDTOUSER
	573: bridge.ErrPolicy,       // CANNOTSENDRP
	696: bridge.ErrBadName,      // INVALIDMODEPARAM
	697: bridge.ErrConflict,     // LISTMODEALREADYSET
	698: bridge.ErrNotFound,     // LISTMODENOTSET
	716: bridge.ErrNoVoice,      // TARGUMODEG: +g
	717: bridge.ErrNoVoice,      // TARGNOTIFY: +g, and they were told
	723: bridge.ErrNoPrivileges, // NOPRIVS
	734: bridge.ErrTooMany,      // MONLISTFULL
	742: bridge.ErrNoPrivileges, // MLOCKRESTRICTED
	743: bridge.ErrBadName,      // INVALIDBAN
	902: bridge.ErrAuth,         // NICKLOCKED
	904: bridge.ErrAuth,         // SASLFAIL
	905: bridge.ErrAuth,         // SASLTOOLONG
	926: bridge.ErrPolicy,       // BADCHANNEL: forbidden
	936: bridge.ErrPolicy,       // WORDFILTERED
	972: bridge.ErrPolicy,       // CANNOTDOCOMMAND
	974: bridge.ErrNoPrivileges, // CANTCHANGECHANMODE
	979: bridge.ErrOffline,      // SERVICESDOWN
}

// failCodes tells the same for the codes of standard replies (FAIL).
var failCodes = map[string]bridge.ErrorKind{
	"ACCOUNT_REQUIRED":        bridge.ErrMembersOnly,
	"ALREADY_REGISTERED":      bridge.ErrPolicy,
	"BANNED":                  bridge.ErrBanned, // RELAYMSG, of the nick that was made up
	"CANNOT_SEND":             bridge.ErrNoVoice,
	"CHANNAME_IN_USE":         bridge.ErrConflict,
	"INVALID_CHANNEL":         bridge.ErrBadName,
	"INVALID_KEY":             bridge.ErrPassword,
	"INVALID_NICKNAME":        bridge.ErrBadName,
	"INVALID_PARAMS":          bridge.ErrUnsupported,
	"INVALID_TARGET":          bridge.ErrNotFound,
	"INVALID_UTF8":            bridge.ErrPolicy,
	"MESSAGE_TOO_LONG":        bridge.ErrTooLong,
	"NEED_MORE_PARAMS":        bridge.ErrUnsupported,
	"NICKNAME_IN_USE":         bridge.ErrConflict,
	"NICKNAME_RESERVED":       bridge.ErrConflict,
	"NO_SUCH_NICK":            bridge.ErrNotFound,
	"PRIVS_NEEDED":            bridge.ErrNoPrivileges,
	"RATE_LIMITED":            bridge.ErrTooFast,
	"TEMPORARILY_UNAVAILABLE": bridge.ErrOffline,
	"UNKNOWN_COMMAND":         bridge.ErrUnsupported,
}

// sessionKinds tells what the end of a session comes to for who needed it.
var sessionKinds = map[session.Kind]bridge.ErrorKind{
	session.Lost:        bridge.ErrOffline,
	session.Unreachable: bridge.ErrOffline,
	session.Forbidden:   bridge.ErrPolicy,
	session.BadTLS:      bridge.ErrPolicy,
	session.Timeout:     bridge.ErrOffline,
	session.Banned:      bridge.ErrBanned,
	session.Throttled:   bridge.ErrOffline,
	session.Full:        bridge.ErrTooMany,
	session.BadPassword: bridge.ErrAuth,
	session.BadLogin:    bridge.ErrAuth,
	session.NickTaken:   bridge.ErrConflict,
	session.BadNick:     bridge.ErrBadName,
	session.Killed:      bridge.ErrOffline,
	session.Refused:     bridge.ErrOffline,
	session.Hostile:     bridge.ErrOffline,
}

// replyKind is what a refusal comes to. One numeric serves channels and nicks
// alike (RFC 2812 5.2, ERR_UNAVAILRESOURCE): a nick that is held back is taken.
func replyKind(r *session.ReplyError) bridge.ErrorKind {
	if r.Numeric == 0 {
		if kind, ok := failCodes[r.Code]; ok {
			return kind
		}
		return bridge.ErrPolicy
	}
	if r.Numeric == 437 && len(r.Params) > 0 && !strings.ContainsAny(r.Params[0][:min(1, len(r.Params[0]))], "#&+!") {
		return bridge.ErrConflict
	}
	if kind, ok := numericKinds[r.Numeric]; ok {
		return kind
	}
	return bridge.ErrPolicy
}

const notConnected = "You are not connected to the IRC network at the moment."

// failureOf is the answer to somebody whose request ended with err, in the
// server's words where there are any.
func failureOf(err error, decode func([]byte) string) bridge.Failure {
	var reply *session.ReplyError
	var ended *session.Error
	var held errHeld
	switch {
	case errors.As(err, &held):
		return held.why
	case errors.As(err, &reply):
		f := bridge.Failure{Kind: replyKind(reply), Text: text.Strip(decode([]byte(reply.Text)))}
		if reply.Numeric == 470 && len(reply.Params) > 1 { // ERR_LINKCHANNEL: from, to
			f.Text = text.Strip(decode([]byte(reply.Params[1])))
		}
		return f
	case errors.As(err, &ended):
		return bridge.Failure{Kind: sessionKinds[ended.Kind], Text: text.Strip(decode([]byte(ended.Text)))}
	case errors.Is(err, session.ErrTimeout):
		return bridge.Failure{Kind: bridge.ErrTimeout, Text: "The IRC server did not answer in time."}
	case errors.Is(err, session.ErrQueueFull):
		return bridge.Failure{Kind: bridge.ErrTooMany, Text: "Too much is waiting to be sent to the IRC server. Try again in a moment."}
	case errors.Is(err, session.ErrClosed), errors.Is(err, session.ErrNotReady), errors.Is(err, context.Canceled):
		return bridge.Failure{Kind: bridge.ErrOffline, Text: notConnected}
	case errors.Is(err, line.ErrTooLong):
		return bridge.Failure{Kind: bridge.ErrTooLong, Text: "That does not fit an IRC line."}
	case errors.Is(err, line.ErrParam), errors.Is(err, line.ErrControl):
		return bridge.Failure{Kind: bridge.ErrBadName, Text: "IRC can't hold such a name."}
	}
	return bridge.Failure{Kind: bridge.ErrInternal, Text: "That did not work, for a reason that is in the log."}
}

// permanent reports whether another attempt to connect would be no use, or an
// annoyance to those who said no.
func permanent(err error) bool {
	var ended *session.Error
	return errors.As(err, &ended) && (!ended.Temporary() || ended.Kind == session.Killed)
}
