package xmppside

import (
	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// errorKinds says how each kind of failure is told in XMPP. Where XEP-0045
// names the error for a case, it is that one: banned (§7.2.7), members only
// (§7.2.6), password (§7.2.5), full (§7.2.9), nick conflict (§7.2.8), not in
// the room (§7.4), no voice (§7.4), no privileges (§8.1, §8.2).
var errorKinds = map[bridge.ErrorKind]wire.StanzaError{
	bridge.ErrInternal:     {Type: "wait", Condition: wire.ConditionInternalServerError},
	bridge.ErrNotFound:     {Type: "cancel", Condition: wire.ConditionItemNotFound},
	bridge.ErrBanned:       {Type: "auth", Condition: wire.ConditionForbidden},
	bridge.ErrMembersOnly:  {Type: "auth", Condition: wire.ConditionRegistrationRequired},
	bridge.ErrPassword:     {Type: "auth", Condition: wire.ConditionNotAuthorized},
	bridge.ErrFull:         {Type: "wait", Condition: wire.ConditionServiceUnavailable},
	bridge.ErrConflict:     {Type: "cancel", Condition: wire.ConditionConflict},
	bridge.ErrBadName:      {Type: "modify", Condition: wire.ConditionNotAcceptable},
	bridge.ErrNotInRoom:    {Type: "modify", Condition: wire.ConditionNotAcceptable},
	bridge.ErrNoVoice:      {Type: "auth", Condition: wire.ConditionForbidden},
	bridge.ErrNoPrivileges: {Type: "auth", Condition: wire.ConditionForbidden},
	bridge.ErrTooLong:      {Type: "modify", Condition: wire.ConditionPolicyViolation},
	bridge.ErrTooMany:      {Type: "wait", Condition: wire.ConditionResourceConstraint},
	bridge.ErrTooFast:      {Type: "wait", Condition: wire.ConditionPolicyViolation},
	bridge.ErrOffline:      {Type: "wait", Condition: wire.ConditionRecipientUnavailable},
	bridge.ErrTimeout:      {Type: "wait", Condition: wire.ConditionRemoteServerTimeout},
	bridge.ErrPolicy:       {Type: "cancel", Condition: wire.ConditionNotAllowed},
	bridge.ErrAuth:         {Type: "auth", Condition: wire.ConditionNotAuthorized},
	bridge.ErrUnsupported:  {Type: "cancel", Condition: wire.ConditionFeatureNotImplemented},
	bridge.ErrMoved:        {Type: "cancel", Condition: wire.ConditionGone},
	bridge.ErrGone:         {Type: "cancel", Condition: wire.ConditionGone},
}

// stanzaError tells a failure in XMPP, with the network's own words.
func stanzaError(f bridge.Failure) wire.StanzaError {
	e, ok := errorKinds[f.Kind]
	if !ok {
		e = errorKinds[bridge.ErrInternal]
	}
	e.Text = f.Text
	return e
}
