package config

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// scalarDecoder sets v from a node that is a scalar and not empty. It returns false, with v as it was, where that does not fit.
type scalarDecoder func(n *yaml.Node, v reflect.Value) bool

// scalarOf returns the decoder of a type that is written as one word, nil for other types.
func scalarOf(v reflect.Value) scalarDecoder {
	switch v.Interface().(type) {
	case model.Duration:
		return decodeDuration
	case promconfig.URL:
		return decodeURL
	case promconfig.TLSVersion:
		return decodeTLSVersion
	case Expr:
		return decodeExpr
	case Bytes:
		return decodeBytes
	}
	switch k := v.Kind(); k {
	case reflect.String:
		return decodeString
	case reflect.Bool:
		return decodeBool
	case reflect.Int:
		return decodeInt
	case reflect.Float64:
		return decodeFloat
	}
	return nil
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, decode scalarDecoder) {
	if isPlain(n) && decode(n, v) {
		return
	}
	if _, hidden := reflect.TypeAssert[promconfig.URL](v); hidden && isPlain(n) {
		d.add(path, "the value is not allowed; allowed: %s", formOf(v.Type()))
		return
	}
	d.wrong(n, v.Type(), path)
}

func decodeDuration(n *yaml.Node, v reflect.Value) bool {
	duration, err := model.ParseDuration(n.Value)
	if err == nil {
		v.SetInt(int64(duration))
	}
	return err == nil
}

func decodeURL(n *yaml.Node, v reflect.Value) bool {
	u, ok := parseURL(n.Value)
	if ok {
		v.Set(reflect.ValueOf(u))
	}
	return ok
}

func decodeTLSVersion(n *yaml.Node, v reflect.Value) bool {
	version, ok := promconfig.TLSVersions[n.Value]
	if ok {
		v.Set(reflect.ValueOf(version))
	}
	return ok
}

func decodeExpr(n *yaml.Node, v reflect.Value) bool {
	return strings.TrimSpace(n.Value) != "" && decodeString(n, v)
}

// byteUnits are the suffixes of sizes, those that end in i with or without the B, as Kubernetes writes them.
var byteUnits = map[string]float64{
	"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}

// ParseBytes returns the number of bytes that text says: a finite number, or one with a suffix such as GiB or MB.
func ParseBytes(text string) (b float64, ok bool) {
	end := len(text)
	for end > 0 && (text[end-1] >= 'a' && text[end-1] <= 'z' || text[end-1] >= 'A' && text[end-1] <= 'Z') {
		end--
	}
	unit, known := byteUnits[text[end:]]
	if !known && end < len(text) {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text[:end]), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	if known {
		n *= unit
	}
	return n, !math.IsInf(n, 0)
}

func decodeBytes(n *yaml.Node, v reflect.Value) bool {
	b, ok := ParseBytes(n.Value)
	if ok {
		v.SetFloat(b)
	}
	return ok || decodeFloat(n, v) // 0x10, as YAML has it
}

// isPlain reports whether n is one word that is not empty and has no tag beyond those that YAML gives to words.
func isPlain(n *yaml.Node) bool {
	tags := []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}
	return n.Kind == yaml.ScalarNode && slices.Contains(tags, n.ShortTag())
}

// decodeString takes a number or a truth value as its text, as in `name: 2024`.
func decodeString(n *yaml.Node, v reflect.Value) bool {
	v.SetString(n.Value)
	return true
}

// decodeBool also takes yes, no, on and off, which YAML 1.1 and so Prometheus read as truth values.
func decodeBool(n *yaml.Node, v reflect.Value) bool {
	var b bool
	if n.Decode(&b) != nil {
		return false
	}
	v.SetBool(b)
	return true
}

func decodeInt(n *yaml.Node, v reflect.Value) bool {
	var i int
	if n.ShortTag() != "!!int" || n.Decode(&i) != nil {
		return false
	}
	v.SetInt(int64(i))
	return true
}

func decodeFloat(n *yaml.Node, v reflect.Value) bool {
	var f float64
	if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" || n.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return false
	}
	v.SetFloat(f)
	return true
}

// form describes the values of a field, for errors and for CONFIG.md.
func (f field) form() string {
	if f.oneOf != nil {
		return strings.Join(f.oneOf, ", ")
	}
	return formOf(f.typ)
}

// formOf describes the values of a type.
func formOf(t reflect.Type) string {
	zero := reflect.New(t)
	if s, ok := reflect.TypeAssert[selfDecoder](zero); ok {
		return s.form()
	}
	switch zero.Elem().Interface().(type) {
	case model.Duration:
		return "a duration such as 30s, 5m or 28d"
	case promconfig.URL:
		return "a URL"
	case promconfig.TLSVersion:
		return strings.Join(slices.Sorted(maps.Keys(promconfig.TLSVersions)), ", ")
	case Expr:
		return "a PromQL expression"
	case Bytes:
		return "a number of bytes, or a size such as 64GiB"
	}
	switch k := t.Kind(); k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a finite number"
	case reflect.Pointer:
		return formOf(t.Elem())
	case reflect.Slice:
		return "a list, each item " + formOf(t.Elem())
	case reflect.Struct:
		return structForm(t)
	}
	return "a mapping"
}

func structForm(t reflect.Type) string {
	if fields, rest := fieldsOf(t); rest == nil {
		return "a mapping with the keys " + keyList(fields)
	}
	return "a mapping"
}
