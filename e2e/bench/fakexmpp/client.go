package fakexmpp

import "fmt"

// ClientJID is whom a client is taken for, whatever it says of itself.
const ClientJID = "bridge@users.test/bench"

const (
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind = "urn:ietf:params:xml:ns:xmpp-bind"
)

// openClient answers a client's stream header with what it is to do next
// (RFC 6120 §6.4.1, §7.4).
func (s *Server) openClient(domain []byte) error {
	features := "<bind xmlns='" + nsBind + "'/>"
	if !s.authed {
		features = "<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>"
	}
	return s.Send(fmt.Appendf(nil, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "+
		"xmlns:stream='http://etherx.jabber.org/streams' from='%s' id='%s'><stream:features>%s</stream:features>",
		domain, streamID, features))
}

// letIn takes any password (RFC 6120 §6.4.6); a new stream follows.
func (s *Server) letIn() error {
	s.authed, s.step = true, s.open
	return s.Send([]byte("<success xmlns='" + nsSASL + "'/>"))
}

// bind tells the client who it is (RFC 6120 §7.6.1).
func (s *Server) bind(iq *Stanza) error {
	if err := s.Send(fmt.Appendf(nil, "<iq type='result' id='%s'><bind xmlns='%s'><jid>%s</jid></bind></iq>",
		iq.ID, nsBind, ClientJID)); err != nil {
		return err
	}
	s.isReady(iq.At)
	return nil
}
