package harness

import (
	"fmt"
	"strings"
	"time"
)

// inspircdModules is what a network of today loads: everything IRCv3 that it
// has, and what the scenarios need (caller id, more prefixes, links).
var inspircdModules = strings.Fields(`
	cap ircv3 ircv3_accounttag ircv3_batch ircv3_capnotify ircv3_chghost ircv3_ctctags ircv3_echomessage
	ircv3_invitenotify ircv3_labeledresponse ircv3_msgid ircv3_servertime setname namesx uhnames monitor
	callerid chghost customprefix services_account ssl_gnutls sslinfo spanningtree blockcolor samode sajoin satopic`)

// linkPassword lets servers of ours link to each other.
const linkPassword = "link-password"

// inspircd writes the configuration of an InspIRCd that stands alone.
func inspircd(t T, dir string, s *IRCServer) command {
	return inspircdNamed(t, dir, s, hubName, "")
}

// StartInspIRCdLeaf starts a second InspIRCd and links it to hub: when it is
// killed, the network splits.
func StartInspIRCdLeaf(t T, hub *IRCServer) *IRCServer {
	t.Helper()
	leaf := startIRC(t, "inspircd", func(t T, dir string, s *IRCServer) command {
		return inspircdNamed(t, dir, s, leafName, fmt.Sprintf(
			`<link name=%q ipaddr="127.0.0.1" port="%s" allowmask="127.0.0.1" sendpass=%q recvpass=%q>`,
			hubName, port(hub.Link), linkPassword, linkPassword))
	})
	leaf.LinkTo(t, hubName)
	return leaf
}

// LinkTo has an operator of this server connect it to another.
func (s *IRCServer) LinkTo(t T, server string) {
	t.Helper()
	oper := s.Dial(t, fmt.Sprintf("linker%s", port(s.Addr)))
	defer oper.Close()
	oper.Oper()
	oper.Send("CONNECT %s", server)
	err := poll(time.Now().Add(Patience), nil, func() error {
		oper.Send("LINKS")
		oper.Expect(" 365 ")
		if !oper.ExpectWithin(0, ` 364 \S+ `+server) {
			return fmt.Errorf("%s isn't linked", server)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("inspircd: %v", err)
	}
}

// The server names of an InspIRCd and of its leaf.
const (
	hubName  = "irc.inspircd.test"
	leafName = "leaf.inspircd.test"
)

func inspircdNamed(t T, dir string, s *IRCServer, name, link string) command {
	t.Helper()
	if link == "" {
		link = fmt.Sprintf(`<link name=%q ipaddr="127.0.0.1" port="1" allowmask="127.0.0.1" sendpass=%q recvpass=%q>`,
			leafName, linkPassword, linkPassword)
	}
	var modules strings.Builder
	for _, m := range inspircdModules {
		fmt.Fprintf(&modules, "<module name=%q>\n", m)
	}
	config := fmt.Sprintf(`
%s
<server name=%q description="e2e" network="InspNet">
<admin name="e2e" nick="e2e" email="e2e@localhost">
<bind address="127.0.0.1" port="%s" type="clients">
<bind address="127.0.0.1" port="%s" type="clients" ssl="gnutls">
<bind address="127.0.0.1" port="%s" type="servers">
<gnutls certfile="%s/cert.pem" keyfile="%s/key.pem">
%s
<connect allow="*" timeout="30" pingfreq="120" hardsendq="16M" softsendq="4M" recvq="64K" threshold="1000000"
  commandrate="100000000" fakelag="no" localmax="10000" globalmax="10000" resolvehostnames="no" maxchans="200">
<class name="all" commands="*" privs="*" usermodes="*" chanmodes="*" snomasks="*">
<type name="all" classes="all">
<oper name=%q password=%q host="*@*" type="all">
<customprefix name="founder" letter="q" prefix="~" rank="50000" ranktoset="50000">
<customprefix name="admin" letter="a" prefix="&amp;" rank="40000" ranktoset="50000">
<customprefix name="halfop" letter="h" prefix="%%" rank="20000" ranktoset="30000">
<channels users="200" opers="200">
<options defaultmodes="not" hostintopic="no">
<performance softlimit="10000" somaxconn="512">
<security hidesplits="no" maxtargets="20">
<limits maxnick="30">
<dns server="127.0.0.1" timeout="1">
<pid file="%s/inspircd.pid">
<path datadir="%s" logdir="%s" runtimedir="%s">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="%s/inspircd-own.log">
`, modules.String(), name, port(s.Addr), port(s.TLSAddr), port(s.Link), dir, dir, link, operName, operPassword, dir, dir, dir, dir, dir)
	writeFile(t, dir+"/inspircd.conf", config)
	return command{
		path: "/usr/sbin/inspircd",
		args: []string{"--nofork", "--runasroot", "--config", dir + "/inspircd.conf"},
		dir:  dir,
	}
}
