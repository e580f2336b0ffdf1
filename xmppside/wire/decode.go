package wire

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// Decoder reads one stream. It is for one goroutine.
type Decoder struct {
	framer framer
	parser parser
}

// readBuffer is the size of the buffer before the framer, in bytes.
const readBuffer = 32 << 10

// NewDecoder returns a decoder of what r brings.
func NewDecoder(r io.Reader, l Limits) *Decoder {
	return &Decoder{
		framer: framer{r: bufio.NewReaderSize(r, readBuffer), max: l.Size},
		parser: parser{limits: l, jids: jidCache{}},
	}
}

// maxPrologue bounds the stream's opening, in bytes.
const maxPrologue = 4 << 10

// Open reads the stream's opening tag (XEP-0114 §3) and returns the stream's id.
func (d *Decoder) Open() (id string, err error) {
	// encoding/xml takes an io.ByteReader as it is and never reads ahead.
	x := xml.NewDecoder(&prologue{r: d.framer.r, left: maxPrologue})
	for {
		token, err := x.RawToken()
		if err != nil {
			return "", fmt.Errorf("reading the stream's opening: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			return streamID(t)
		case xml.ProcInst: // <?xml version='1.0'?>
		case xml.CharData:
		default:
			return "", fmt.Errorf("%w: opening", errFraming)
		}
	}
}

func streamID(t xml.StartElement) (id string, err error) {
	if t.Name.Space != "stream" || t.Name.Local != "stream" {
		return "", fmt.Errorf("%w: opened with <%s>", errFraming, t.Name.Local)
	}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "" && a.Name.Local == "id":
			id = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns" && a.Value != NSComponent:
			return "", fmt.Errorf("the peer's stream is %q, not one for components: is this its component port?", a.Value)
		}
	}
	return id, nil
}

// prologue hands on single bytes, so many at most.
type prologue struct {
	r    *bufio.Reader
	left int
}

func (p *prologue) ReadByte() (byte, error) {
	if p.left == 0 {
		return 0, fmt.Errorf("%w: longer than %d bytes", errFraming, maxPrologue)
	}
	p.left--
	return p.r.ReadByte()
}

func (p *prologue) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c, err := p.ReadByte()
	if err != nil {
		return 0, err
	}
	b[0] = c
	return 1, nil
}

// Next returns the next stanza (or other element of the stream), waiting for
// it as long as the reader does. After a *BadStanza the stream goes on; any
// other error ends it: ErrStreamClosed, io.EOF or the reader's own.
func (d *Decoder) Next() (Stanza, error) {
	b, err := d.framer.next()
	if err == nil {
		return d.parser.parse(b)
	}
	if !errors.Is(err, errTooLarge) {
		return Stanza{}, err
	}
	// Its start tag still tells whom to answer.
	_, err = d.parser.parse(b)
	e := new(BadStanza)
	errors.As(err, &e)
	return Stanza{}, &BadStanza{Header: e.Header, Condition: ConditionPolicyViolation, Reason: "larger than the limit"}
}

// Parse reads one stanza by itself, as in a test or from a store.
func Parse(b []byte) (Stanza, error) {
	p := parser{limits: DefaultLimits, jids: jidCache{}}
	return p.parse(b)
}
