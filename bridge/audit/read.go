package audit

import (
	"bufio"
	"encoding/json"
	"io"

	"isthmus/bridge/mapping"
)

// read reads the records of one file.
func read(from io.Reader, each func(mapping.AuditRecord) error) error {
	in := bufio.NewReaderSize(from, 64<<10)
	var line []byte
	skip := false // the line is too long
	for {
		part, err := in.ReadSlice('\n')
		if skip = skip || len(line)+len(part) > maxLine; !skip {
			line = append(line, part...)
		}
		switch err {
		case bufio.ErrBufferFull:
			continue
		case nil, io.EOF:
		default:
			return err
		}
		var r mapping.AuditRecord
		if !skip && json.Unmarshal(line, &r) == nil && r.Action != "" {
			if err := each(r); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		line, skip = line[:0], false
	}
}
