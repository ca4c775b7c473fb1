package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// ScrapeConfigs are scrape configurations in the form of a Prometheus configuration file. Package config keeps them as text, since
// Prometheus's own types, which read them, are a large dependency.
type ScrapeConfigs struct {
	// YAML is the list with aliases replaced by what they stand for, nil where there is none.
	YAML []byte
	// Line is where the list stands in the file.
	Line int
	// Dir is the folder that relative names of files in the list are relative to.
	Dir string

	items []*yaml.Node
}

func (*ScrapeConfigs) form() string {
	return "a list, each item a mapping as in scrape_configs of a Prometheus configuration file"
}

func (s *ScrapeConfigs) decode(d *decoder, n *yaml.Node, path string) {
	s.Line = d.line(path)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, reflect.TypeFor[ScrapeConfigs](), path)
		return
	}
	for _, item := range n.Content {
		if resolved := d.resolve(item); resolved.Kind != yaml.MappingNode {
			d.addAt(item.Line, path, "%s is not allowed; allowed: %s", describe(resolved), s.form())
			continue
		}
		s.items = append(s.items, d.expand(item, path))
	}
	if !d.sound(path) || len(s.items) == 0 {
		return
	}
	var err error
	if s.YAML, err = marshalList(s.items); err != nil {
		d.add(path, "%s", syntaxProblem(err))
	}
}

// expand returns a copy of n without aliases, anchors, comments and merge keys.
func (d *decoder) expand(n *yaml.Node, path string) *yaml.Node {
	if !d.enter(n, path) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	defer d.leave()
	n = d.resolve(n)
	out := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			out.Content = append(out.Content, d.expand(item, path))
		}
		return out
	}
	for _, e := range d.entries(n, path) {
		out.Content = append(out.Content, d.expand(e.node, path), d.expand(e.value, path))
	}
	return out
}

// Holidays are codes of regions.
type Holidays []string

func (*Holidays) form() string { return "a code such as US or DE-BY, or a list of codes" }

func (h *Holidays) decode(d *decoder, n *yaml.Node, path string) {
	if isPlain(n) {
		*h = Holidays{n.Value}
		return
	}
	var list []string
	v := reflect.ValueOf(&list).Elem()
	if n.Kind != yaml.SequenceNode && !isNull(n) {
		d.wrong(n, reflect.TypeFor[Holidays](), path)
		return
	}
	d.list(n, v, path)
	*h = list
}

// key returns the path of one code: that of the list where the only one is written without a list.
func (h Holidays) key(list string, i int, lines map[string]int) string {
	if item := fmt.Sprintf("%s[%d]", list, i); len(h) > 1 || lines[item] > 0 {
		return item
	}
	return list
}

// LeadTime's methods follow. A scalar is the lead time itself; a mapping says how it is measured.

func (*LeadTime) form() string {
	return "a duration such as 4m, or a mapping with the keys query, learn, default"
}

func (l *LeadTime) decode(d *decoder, n *yaml.Node, path string) {
	v := reflect.ValueOf(l).Elem()
	switch {
	case n.Kind == yaml.MappingNode:
		d.section(n, v, path)
	case isPlain(n) && decodeDuration(n, v.FieldByName("Default")):
	default:
		d.wrong(n, v.Type(), path)
	}
}

// MarshalYAML returns the form that the file has.
func (l LeadTime) MarshalYAML() (any, error) {
	if l.Query == "" && !l.Learn {
		return l.Default, nil
	}
	type plain LeadTime
	return plain(l), nil
}
