package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Size is a number of bytes: 500KiB, 50MiB, 2GiB, or a plain number.
type Size int64

var sizeText = regexp.MustCompile(`^([0-9]{1,9}) ?(|B|KiB|MiB|GiB)$`)

var sizeUnits = map[string]Size{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// UnmarshalText parses what the file holds.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizeText.FindStringSubmatch(string(text))
	if m == nil {
		return fmt.Errorf("%q is not a size: write it as in 50MiB", text)
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // at most nine digits
	*s = Size(n) * sizeUnits[m[2]]
	return nil
}

func (s Size) String() string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if u := sizeUnits[unit]; s >= u && s%u == 0 {
			return fmt.Sprintf("%d%s", s/u, unit)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// Registration is what of an application service's registration file (Matrix
// application service API, "Registration") is ours to read.
type Registration struct {
	ID, URL   string // how the homeserver names and reaches us
	ASToken   Secret // what we show to the homeserver
	HSToken   Secret // what it shows to us
	Localpart string // of the bot
}

// registrationFile is the file as it stands.
type registrationFile struct {
	ID        string `yaml:"id"`
	URL       string `yaml:"url"`
	ASToken   string `yaml:"as_token"`
	HSToken   string `yaml:"hs_token"`
	Localpart string `yaml:"sender_localpart"`
}

// botLocalpart is what a Matrix user's localpart is made of.
var botLocalpart = regexp.MustCompile(`^[a-z0-9._=/+-]{1,200}$`)

func parseRegistration(data []byte) (Registration, error) {
	var f registrationFile
	err := func() (err error) {
		defer func() { // yaml.v3 panics on some input that is not YAML
			if r := recover(); r != nil {
				err = errors.New("not YAML")
			}
		}()
		return yaml.Unmarshal(data, &f)
	}()
	switch {
	case err != nil:
		return Registration{}, errors.New("is not YAML") // the error may hold a token
	case f.ASToken == "" || f.HSToken == "" || f.ASToken == f.HSToken:
		return Registration{}, errors.New("needs an as_token and an hs_token that differ")
	case !botLocalpart.MatchString(f.Localpart):
		return Registration{}, errors.New("needs a sender_localpart of a-z, 0-9 and . _ = / + -")
	}
	return Registration{f.ID, f.URL, Secret(f.ASToken), Secret(f.HSToken), f.Localpart}, nil
}

// serverName follows the grammar of Matrix, Appendices "Server Name".
var serverName = regexp.MustCompile(`^([A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// matrix checks the section, if there is one.
func (c *checker) matrix(m *Matrix) {
	if !c.given("matrix") || c.wrong["matrix"] {
		return
	}
	m.Homeserver = strings.TrimRight(m.Homeserver, "/")
	if m.Homeserver == "" {
		c.fail("matrix.homeserver", "is missing: write the URL of the homeserver, as in http://127.0.0.1:8008")
	} else {
		c.httpURL("matrix.homeserver", m.Homeserver)
	}
	switch {
	case m.ServerName == "":
		c.fail("matrix.server_name", "is missing: write the part of user ids behind the colon, as in example.org")
	case !serverName.MatchString(m.ServerName):
		c.fail("matrix.server_name", "%s is not a server name: write it as in example.org", strconv.QuoteToASCII(m.ServerName))
	}
	if m.RegistrationFile == "" {
		c.fail("matrix.registration_file", "is empty: name the file that isthmus registration writes")
	}
	if m.Listen.Scheme != "" {
		c.fail("matrix.listen", "must be host:port, as in 127.0.0.1:29329")
	}
	for i, who := range m.Allow {
		server := who
		if strings.HasPrefix(who, "@") {
			_, server, _ = strings.Cut(who, ":")
		}
		if !serverName.MatchString(server) {
			c.fail(fmt.Sprintf("matrix.allow[%d]", i), "%s is neither a server name nor a user id: write example.org or @user:example.org", strconv.QuoteToASCII(who))
		}
	}
	if len(m.Allow) == 0 {
		m.Allow = []string{m.ServerName}
	}
	c.atLeast("matrix.members.most", m.Members.Most, 1)
	c.oneOf("matrix.members.beyond", m.Members.Beyond, "all", "active", "none")
	if m.Media.PublicURL != "" {
		m.Media.PublicURL = strings.TrimRight(m.Media.PublicURL, "/")
		c.httpURL("matrix.media.public_url", m.Media.PublicURL)
	}
	c.positive("matrix.media.expire", m.Media.Expire)
	if m.Media.Most <= 0 {
		c.fail("matrix.media.most", "must be more than nothing, as in 50MiB")
	}
	c.mapped("matrix.mapped", &m.Mapped)
}

func (c *checker) httpURL(path, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.fail(path, "must be a URL of http:// or https:// without a password or query")
	}
}

// registration reads the registration file of a homeserver that there is.
func (r *reader) registration(m *Matrix) {
	if !m.On() {
		return
	}
	r.resolve(&m.RegistrationFile)
	const path = "matrix.registration_file"
	data, ok := r.read(path, m.RegistrationFile, maxRegistrationSize)
	if !ok {
		r.hint(path, "isthmus registration writes it")
		return
	}
	registration, err := parseRegistration(data)
	if err != nil {
		r.fail(path, "%s %v", m.RegistrationFile, err)
		return
	}
	m.Registration = registration
}

// hint adds a way out to the last problem of path.
func (r *reader) hint(path, text string) {
	if last := len(r.problems) - 1; last >= 0 && r.problems[last].Path == path {
		r.problems[last].Text += " (" + text + ")"
	}
}

// maxRegistrationSize bounds a registration file, in bytes.
const maxRegistrationSize = 64 << 10
