package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder fills Go values from YAML nodes. The library's own decoding takes
// 6667.5 for 6667 and 0777 for 511, loses null list entries and knows no
// columns, hence this one: the struct tags are the schema, and everything
// that isn't exactly in it is a problem.
type decoder struct {
	source
	problems Problems
}

func (d *decoder) fail(path, format string, args ...any) {
	d.problems = append(d.problems, d.problem(path, format, args...))
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes n into v, which must be settable. Its depth is that of the
// Go type, so that neither nesting nor aliases can make it run away.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if path != "" {
		d.at[path] = position{n.Line, n.Column}
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.fail(path, `has no value: give one or remove it (text that begins with # needs quotes, as in "#chan")`)
		return
	}
	switch {
	case v.Type() == durationType:
		d.duration(n, v, path)
	case reflect.PointerTo(v.Type()).Implements(textType):
		if text, ok := d.scalar(n, path, "!!str", "text"); ok {
			if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
				d.fail(path, "%v", err)
			}
		}
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	case v.Kind() == reflect.Int:
		d.integer(n, v, path)
	case v.Kind() == reflect.Bool:
		if text, ok := d.scalar(n, path, "!!bool", "true or false"); ok {
			v.SetBool(strings.EqualFold(text, "true"))
		}
	case v.Kind() == reflect.String:
		if text, ok := d.scalar(n, path, "!!str", "text (put it in quotes)"); ok {
			v.SetString(text)
		}
	default:
		panic(fmt.Sprintf("config: no way to decode a %s", v.Type()))
	}
}

// scalar returns n's text when it is a scalar with that tag.
func (d *decoder) scalar(n *yaml.Node, path, tag, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != tag {
		d.fail(path, "must be %s, not %s", want, describe(n))
		return "", false
	}
	return n.Value, true
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

func (d *decoder) integer(n *yaml.Node, v reflect.Value, path string) {
	text, ok := d.scalar(n, path, "!!int", "a whole number")
	if !ok {
		return
	}
	if !decimal.MatchString(text) {
		d.fail(path, "must be a plain decimal number, not %s", describe(n))
		return
	}
	i, _ := strconv.ParseInt(text, 10, 64) // decimal has bounded it
	v.SetInt(i)
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	text, ok := d.scalar(n, path, "!!str", `a duration with its unit, as in "30s"`)
	if !ok {
		return
	}
	t, err := time.ParseDuration(text)
	if err != nil {
		d.fail(path, "must be a duration as in 500ms, 30s or 5m, not %s", describe(n))
		return
	}
	v.SetInt(int64(t))
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(path, "must be a list, not %s", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, entry := range n.Content {
		setDefaults(v.Index(i))
		d.value(entry, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

// setDefaults gives a new entry of a list or mapping what holds where the file
// says nothing.
func setDefaults(v reflect.Value) {
	if e, ok := v.Addr().Interface().(interface{ setDefaults() }); ok {
		e.setDefaults()
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.keys(n, path, func(key string, value *yaml.Node, path string) {
		elem := reflect.New(v.Type().Elem()).Elem()
		setDefaults(elem)
		d.value(value, elem, path)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	})
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name := keyOf(f); name != "" {
			fields[name] = f.Index
		}
	}
	d.keys(n, path, func(key string, value *yaml.Node, path string) {
		i, known := fields[key]
		if !known {
			names := slices.Sorted(maps.Keys(fields))
			d.fail(path, "is not a known key: remove it, or use one of %s", strings.Join(names, ", "))
			return
		}
		d.value(value, v.FieldByIndex(i), path)
	})
}

// keyOf returns the key that a field has in the file, "" when it has none; an
// embedded struct has its fields' keys.
func keyOf(f reflect.StructField) string {
	if key := f.Tag.Get("yaml"); key != "-" {
		return key
	}
	return ""
}

// keys calls each for the entries of a mapping and refuses duplicates.
func (d *decoder) keys(n *yaml.Node, path string, each func(key string, value *yaml.Node, path string)) {
	if n.Kind != yaml.MappingNode {
		d.fail(path, "must be a mapping (key: value), not %s", describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		sub := joinPath(path, key.Value)
		first, again := seen[key.Value]
		if _, known := d.at[sub]; !known {
			d.at[sub] = position{key.Line, key.Column}
		}
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			d.fail(sub, "merging is not supported: write the keys out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.failKey(key, path, "a key must be text (put it in quotes), not %s", describe(key))
		case again:
			d.failKey(key, sub, "is there twice (first in line %d): remove one", first)
		default:
			seen[key.Value] = key.Line
			each(key.Value, n.Content[i+1], sub)
		}
	}
}

// failKey blames a key rather than what the path stands for.
func (d *decoder) failKey(key *yaml.Node, path, format string, args ...any) {
	p := d.problem(path, format, args...)
	p.Line, p.Col = key.Line, key.Column
	d.problems = append(d.problems, p)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// joinPath appends a key; one of odd characters is quoted, for it is shown.
func joinPath(path, key string) string {
	if !plainKey.MatchString(key) {
		key = strconv.QuoteToASCII(key[:min(len(key), 64)])
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// describe names what a node is, for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return strconv.QuoteToASCII(n.Value[:min(len(n.Value), 64)])
	default:
		return "an alias"
	}
}
