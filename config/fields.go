package config

import (
	"reflect"
	"strings"
)

// field is one key of a section, as the yaml tag of a Go type has it.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	required bool
	// omitted says that the key is left out where its value is zero.
	omitted bool
	// oneOf holds the allowed words, nil where any value of the type is allowed.
	oneOf []string
	// fallback describes a default that is not a constant.
	fallback string
	// goName is the name of the Go field.
	goName string
}

// fieldsOf returns the keys of a struct type in their order, and the index of its map for all other keys, nil where it has none. Keys
// that end in _ref are left out: they name a secret of a secret manager, and there is none here.
func fieldsOf(t reflect.Type) (fields []field, rest []int) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-" || strings.HasSuffix(name, "_ref"):
		case options == "inline" && f.Type.Kind() == reflect.Map:
			rest = f.Index
		case options == "inline":
			inner, innerRest := fieldsOf(f.Type)
			for _, in := range inner {
				in.index = append(append([]int{}, f.Index...), in.index...)
				fields = append(fields, in)
			}
			if innerRest != nil {
				rest = append(append([]int{}, f.Index...), innerRest...)
			}
		default:
			fields = append(fields, newField(f, name, options))
		}
	}
	return fields, rest
}

func newField(f reflect.StructField, name, options string) field {
	_, required := f.Tag.Lookup("required")
	out := field{name: name, index: f.Index, typ: f.Type, required: required, fallback: f.Tag.Get("default"), goName: f.Name, omitted: options == "omitempty"}
	if words := f.Tag.Get("oneof"); words != "" {
		out.oneOf = strings.Split(words, ",")
	}
	return out
}

func configFields() []field {
	fields, _ := fieldsOf(reflect.TypeFor[Config]())
	return fields
}

func keyList(fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

// closest returns the name of a field that an operator may have meant by key, and false where none is near.
func closest(key string, fields []field) (string, bool) {
	best, least := "", min(2, len(key)/2)+1
	for _, f := range fields {
		if d := distance(key, f.name); d < least {
			best, least = f.name, d
		}
	}
	return best, best != ""
}

// distance is the number of characters to insert, delete or replace to make b of a (Levenshtein 1966, by Wagner and Fischer 1974).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
