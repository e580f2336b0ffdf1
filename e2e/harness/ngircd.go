package harness

import "fmt"

// ngircd writes the configuration of an ngIRCd: a server of the old school,
// without most of IRCv3.
func ngircd(t T, dir string, s *IRCServer) command {
	t.Helper()
	writeFile(t, dir+"/ngircd.conf", fmt.Sprintf(`
[Global]
	Name = irc.ngircd.test
	Network = NgNet
	Info = e2e
	AdminInfo1 = e2e
	AdminInfo2 = e2e
	AdminEMail = e2e@localhost
	Listen = 127.0.0.1
	Ports = %s
	MotdPhrase = hello
[Limits]
	MaxConnections = 0
	MaxConnectionsIP = 0
	MaxJoins = 0
	MaxNickLength = 31
	MaxPenaltyTime = 0
	PingTimeout = 120
[Options]
	DNS = no
	Ident = no
	PAM = no
	OperCanUseMode = yes
	IncludeDir = %s/none
[SSL]
	CertFile = %s/cert.pem
	KeyFile = %s/key.pem
	Ports = %s
[Operator]
	Name = %s
	Password = %s
`, port(s.Addr), dir, dir, dir, port(s.TLSAddr), operName, operPassword))
	return command{path: "/usr/sbin/ngircd", args: []string{"-n", "-f", dir + "/ngircd.conf"}, dir: dir, as: unprivileged(t, dir)}
}
