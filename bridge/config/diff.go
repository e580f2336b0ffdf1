package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is one setting that differs between two files.
type Change struct {
	Path string // as in a Problem
	// Old and New are for people; one of them is "" when the setting came or
	// went. A secret shows as "[secret]".
	Old, New string
}

func (c Change) String() string {
	switch {
	case c.Old == "" && c.New != added:
		return c.Path + " added: " + c.New
	case c.Old == "":
		return c.Path + " added"
	case c.New == "":
		return c.Path + " removed"
	}
	return fmt.Sprintf("%s: %s → %s", c.Path, c.Old, c.New)
}

// added is New of what came and has no text of its own.
const added = "added"

// Diff lists what is different in after, in the order of the schema. Networks,
// links and rooms of links that came or went are one Change each; those of
// links are at "links.NAME" and "links.NAME.ROOM".
func Diff(before, after *Config) []Change {
	var changes []Change
	diff(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem(), "", &changes)
	return changes
}

func diff(a, b reflect.Value, path string, out *[]Change) {
	switch {
	case a.Type() == reflect.TypeFor[[]Domain]():
		diffList(a, b, path, out)
	case a.Type() == reflect.TypeFor[[]Link]():
		diffNamed(byName(a, Link.name), byName(b, Link.name), path, out)
	case a.Type() == reflect.TypeFor[[]LinkRoom]():
		// Rooms are told apart by what they are, as links are by their names, and
		// have no key of their own in the path.
		diffNamed(byName(a, LinkRoom.String), byName(b, LinkRoom.String), strings.TrimSuffix(path, ".rooms"), out)
	case a.Type() == reflect.TypeFor[Endpoint](), a.Kind() != reflect.Struct && a.Kind() != reflect.Map:
		if !equal(a, b) {
			*out = append(*out, Change{Path: path, Old: show(a), New: show(b)})
		}
	case a.Kind() == reflect.Map:
		diffNamed(a, b, path, out)
	default:
		for i := range a.NumField() {
			field := a.Type().Field(i)
			switch {
			case field.Anonymous:
				diff(a.Field(i), b.Field(i), path, out)
			case field.IsExported():
				diff(a.Field(i), b.Field(i), joinPath(path, shownKey(field)), out)
			}
		}
	}
}

// shownKey names a field also where the file has no key for it: what a file
// of secrets or certificates held.
func shownKey(f reflect.StructField) string {
	if key := keyOf(f); key != "" {
		return key
	}
	return strings.ToLower(f.Name)
}

func diffList(a, b reflect.Value, path string, out *[]Change) {
	for i := range max(a.Len(), b.Len()) {
		sub := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= a.Len():
			*out = append(*out, Change{Path: sub, New: added})
		case i >= b.Len():
			*out = append(*out, Change{Path: sub, Old: "removed"})
		default:
			diff(a.Index(i), b.Index(i), sub, out)
		}
	}
}

// byName makes a map of a list whose entries have names of their own.
func byName[T any](list reflect.Value, name func(T) string) reflect.Value {
	m := map[string]T{}
	for _, entry := range list.Interface().([]T) {
		m[name(entry)] = entry
	}
	return reflect.ValueOf(m)
}

// diffNamed compares maps.
func diffNamed(a, b reflect.Value, path string, out *[]Change) {
	keys := map[string]bool{}
	for _, m := range []reflect.Value{a, b} {
		for _, k := range m.MapKeys() {
			keys[k.String()] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		sub := joinPath(path, key)
		va, vb := a.MapIndex(reflect.ValueOf(key)), b.MapIndex(reflect.ValueOf(key))
		switch {
		case !va.IsValid():
			c := Change{Path: sub, New: added}
			if l, ok := vb.Interface().(Link); ok {
				c.New = l.summary()
			}
			*out = append(*out, c)
		case !vb.IsValid():
			*out = append(*out, Change{Path: sub, Old: "removed"})
		default:
			diff(va, vb, sub, out)
		}
	}
}

func equal(a, b reflect.Value) bool {
	if pool, ok := a.Interface().(*x509.CertPool); ok {
		return pool.Equal(b.Interface().(*x509.CertPool))
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// show formats a value; it is never "".
func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case *x509.CertPool:
		if x == nil {
			return "those of the system"
		}
		return "those of ca_file"
	case string:
		return fmt.Sprintf("%q", x)
	default:
		return fmt.Sprint(x)
	}
}
