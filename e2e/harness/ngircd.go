package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// nobody is the user and group that ngIRCd would change to when root starts it.
// A process that changes its user outlives us in spite of Pdeathsig, so it is
// started as that user.
const nobody = 65534

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
	c := command{path: "/usr/sbin/ngircd", args: []string{"-n", "-f", dir + "/ngircd.conf"}, dir: dir}
	if os.Getuid() == 0 {
		c.as = &syscall.Credential{Uid: nobody, Gid: nobody}
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		})
		if err != nil {
			t.Fatalf("ngircd: %v", err)
		}
	}
	return c
}
