package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// The bounds on a file keep one whose aliases multiply or contain themselves from filling the memory. A thousand fleets of two pools are
// about 30 000 values.
const (
	maxValues = 250_000
	maxDepth  = 64
)

// decoder sets Go values from YAML nodes. It is strict where the YAML package is lenient: it cuts no number, ignores no key and takes
// no empty value, and it knows the path and the line of everything.
type decoder struct {
	*report
	values, depth int
	// sections holds what fieldsOf says about each type met.
	sections map[reflect.Type]section
	// full is true once the file is found too large; nothing more is then decoded.
	full bool
}

// section holds the keys of a struct type.
type section struct {
	fields []field
	rest   []int
}

func (d *decoder) sectionOf(t reflect.Type) section {
	s, ok := d.sections[t]
	if !ok {
		s.fields, s.rest = fieldsOf(t)
		d.sections[t] = s
	}
	return s
}

// selfDecoder is a type whose form in YAML is not that of the Go type.
type selfDecoder interface {
	decode(d *decoder, n *yaml.Node, path string)
	// form describes what is allowed.
	form() string
}

// value sets v from n, the value of the key path. What is wrong is reported and leaves v as it is.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if !d.enter(n, path) {
		return
	}
	defer d.leave()
	n = d.resolve(n)
	if tag := n.ShortTag(); n.Kind != yaml.ScalarNode && tag != "!!map" && tag != "!!seq" {
		d.wrong(n, v.Type(), path)
		return
	}
	if s, ok := reflect.TypeAssert[selfDecoder](v.Addr()); ok {
		s.decode(d, n, path)
		return
	}
	if decode := scalarOf(v); decode != nil {
		d.scalar(n, v, path, decode)
		return
	}
	switch k := v.Kind(); k {
	case reflect.Pointer:
		elem := reflect.New(v.Type().Elem())
		applyDefaults(elem.Elem())
		v.Set(elem)
		d.value(n, elem.Elem(), path)
	case reflect.Struct:
		d.section(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	default:
		d.anything(n, v, path)
	}
}

// enter counts one more value and one more level, and reports a file beyond the bounds once.
func (d *decoder) enter(n *yaml.Node, path string) bool {
	d.values++
	if d.values > maxValues || d.depth >= maxDepth {
		if !d.full {
			d.addAt(n.Line, path, "the file is too large here; allowed: %d values, nested %d deep, each use of an alias counted", maxValues, maxDepth)
		}
		d.full, d.values = true, maxValues
		return false
	}
	d.depth++
	return true
}

func (d *decoder) leave() { d.depth-- }

// resolve returns what n stands for.
func (d *decoder) resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// section decodes a mapping into a struct. An empty value is the section with all defaults.
func (d *decoder) section(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.wrong(n, v.Type(), path)
		return
	}
	s := d.sectionOf(v.Type())
	present := map[string]bool{}
	for _, e := range d.entries(n, path) {
		at := join(path, e.key)
		d.lines[at] = e.line
		present[e.key] = true
		f, ok := find(s.fields, e.key)
		switch {
		case ok:
			d.value(e.value, v.FieldByIndex(f.index), at)
			d.word(f, v, at)
		case s.rest != nil:
			d.put(e, v.FieldByIndex(s.rest), at)
		default:
			d.unknown(e.key, s.fields, at)
		}
	}
	for _, f := range s.fields {
		if at := join(path, f.name); f.required && !present[f.name] && d.sound(at) {
			d.add(at, "required key is missing; allowed: %s", f.form())
		}
	}
	d.validate(v, path)
}

func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (d *decoder) unknown(key string, fields []field, path string) {
	hint := ""
	if meant, ok := closest(key, fields); ok {
		hint = "; did you mean " + meant + "?"
	}
	d.add(path, "unknown key; allowed: %s%s", keyList(fields), hint)
}

// word checks a field of few allowed words.
func (d *decoder) word(f field, v reflect.Value, path string) {
	if f.oneOf == nil || !d.sound(path) {
		return
	}
	got := v.FieldByIndex(f.index).String()
	if slices.Contains(f.oneOf, got) {
		return
	}
	d.add(path, "unknown %s %q; allowed: %s", f.name, got, strings.Join(f.oneOf, ", "))
}

// validate runs the type's own rules, those of the http_config that prometheus/common defines, unless a part of it is wrong already.
func (d *decoder) validate(v reflect.Value, path string) {
	if rules, ok := reflect.TypeAssert[interface{ Validate() error }](v.Addr()); ok && d.clean(path) {
		if err := rules.Validate(); err != nil {
			d.add(path, "%v", err)
		}
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode && !isNull(n) {
		d.wrong(n, v.Type(), path)
		return
	}
	items := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = item.Line
		applyDefaults(items.Index(i))
		d.value(item, items.Index(i), at)
	}
	v.Set(items)
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.wrong(n, v.Type(), path)
		return
	}
	for _, e := range d.entries(n, path) {
		at := join(path, e.key)
		d.lines[at] = e.line
		d.put(e, v, at)
	}
}

// put decodes an entry into a map.
func (d *decoder) put(e entry, m reflect.Value, path string) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	elem := reflect.New(m.Type().Elem()).Elem()
	d.value(e.value, elem, path)
	m.SetMapIndex(reflect.ValueOf(e.node.Value).Convert(m.Type().Key()), elem)
}

// anything decodes a value of free form, such as a claim of an OAuth 2.0 assertion.
func (d *decoder) anything(n *yaml.Node, v reflect.Value, path string) {
	if err := n.Decode(v.Addr().Interface()); err != nil {
		d.add(path, "%s", syntaxProblem(err))
	}
}

// wrong reports a node that is no value of the type. It never shows the content of a secret.
func (d *decoder) wrong(n *yaml.Node, t reflect.Type, path string) {
	d.add(path, "%s is not allowed; allowed: %s", describe(n), formOf(t))
}

// parseURL keeps the text out of its error: it may hold a password.
func parseURL(text string) (promconfig.URL, bool) {
	u, err := url.Parse(text)
	return promconfig.URL{URL: u}, err == nil
}
