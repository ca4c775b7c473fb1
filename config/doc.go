package config

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

var (
	//go:embed types.go
	typesSource string
	//go:embed types_pool.go
	typesPoolSource string
	//go:embed types_kubernetes.go
	typesKubernetesSource string
	//go:embed example.yml
	example string
	//go:embed example_embedded.yml
	exampleEmbedded string
	//go:embed example_readback.yml
	exampleReadback string
	//go:embed example_prices.csv
	examplePrices string
)

// WriteDoc writes CONFIG.md: every key with its type, its default and its meaning, from the Go types and their comments, and complete
// examples.
func WriteDoc(w io.Writer) error {
	comments, err := parseComments(typesSource, typesPoolSource, typesKubernetesSource)
	if err != nil {
		return err
	}
	d := &document{comments: comments}
	d.printf("# Configuration\n\n%s\n\n", intro)
	d.section(reflect.TypeFor[Config](), "")
	d.printf("## http_config\n\n%s\n\n", httpIntro)
	d.httpConfig()
	d.printf("\n## Examples\n\n")
	d.printf("With a Prometheus that runs already, every key at its default or at a typical value:\n\n```yaml\n%s```\n\n", example)
	d.printf("Its file of prices, `example_prices.csv`:\n\n```csv\n%s```\n\n", examplePrices)
	d.printf("With the Prometheus inside, and as little else as there can be:\n\n```yaml\n%s```\n\n", exampleEmbedded)
	d.printf("For a process that serves what others decide:\n\n```yaml\n%s```\n", exampleReadback)
	_, err = io.WriteString(w, d.text.String())
	return err
}

const intro = `The file is YAML and is read strictly: an unknown key, a duplicate one, a second document or a value of the wrong kind is refused, and
all that is wrong is reported together, each as ` + "`FILE:LINE: KEY: what is wrong; allowed: ...`" + `. Anchors, aliases and merge keys work.
A list without items and a section without keys may be left empty; a single value may not.

Durations are written as in Prometheus: ` + "`30s`, `5m`, `1h30m`, `28d`" + `. PromQL expressions are checked when the file is read.

The file is read at the start, on SIGHUP and on ` + "`POST /-/reload`" + `. A file with an error changes nothing but
` + "`forethought_config_last_reload_successful`" + `.

This page is generated from the package config: ` + "`go test ./config -run Doc -rewrite`" + `.`

const httpIntro = `The [HTTP client configuration of Prometheus](https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config),
with its defaults and rules. Names of files are relative to the folder of the configuration file. Prefer ` + "`password_file`, `credentials_file`" + `
and the like to secrets in the file; where the configuration is printed, secrets are shown as ` + "`<secret>`" + `.`

// document is CONFIG.md while it is written.
type document struct {
	text     strings.Builder
	comments map[string]string
}

func (d *document) printf(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// section writes the table of a struct type at the path, and then those of the sections in it.
func (d *document) section(t reflect.Type, path string) {
	title := path
	if title == "" {
		title = "The file"
	}
	d.printf("## %s\n\n%s\n\n| key | type | default | meaning |\n|---|---|---|---|\n", title, d.comments[t.Name()])
	fields, _ := fieldsOf(t)
	defaults := reflect.New(t).Elem()
	applyDefaults(defaults)
	for _, f := range fields {
		d.row("`"+f.name+"`", f.docType(), f.docDefault(defaults.FieldByIndex(f.index)), meaning(f.goName, d.comments[t.Name()+"."+f.goName]))
	}
	d.printf("\n")
	for _, f := range fields {
		if inner, suffix := f.inner(); inner != nil {
			d.section(inner, join(path, f.name)+suffix)
		}
	}
}

func (d *document) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	d.printf("| %s |\n", strings.Join(cells, " | "))
}

// httpConfig writes the keys of http_config, whose meaning is Prometheus's to say.
func (d *document) httpConfig() {
	d.printf("| key | type |\n|---|---|\n")
	fields, _ := fieldsOf(reflect.TypeFor[promconfig.HTTPClientConfig]())
	for _, f := range fields {
		d.row("`"+f.name+"`", strings.TrimPrefix(strings.TrimPrefix(f.form(), "a "), "an "))
	}
}

// inner returns the type of the section that a key holds, and what follows the key in a path: [] for a list. It is nil for a key that
// holds no section of this package.
func (f field) inner() (t reflect.Type, suffix string) {
	t = f.typ
	if t.Kind() == reflect.Slice {
		t, suffix = t.Elem(), "[]"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Config]().PkgPath() || t == reflect.TypeFor[ScrapeConfigs]() {
		return nil, ""
	}
	return t, suffix
}

func (f field) docType() string {
	if f.oneOf != nil {
		return "`" + strings.Join(f.oneOf, "` or `") + "`"
	}
	return docTypeOf(f.typ)
}

func docTypeOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[model.Duration]():
		return "duration"
	case reflect.TypeFor[Expr]():
		return "PromQL"
	case reflect.TypeFor[Bytes]():
		return "bytes"
	case reflect.TypeFor[LeadTime]():
		return "duration or section"
	case reflect.TypeFor[ScrapeConfigs]():
		return "list of scrape configurations"
	case reflect.TypeFor[Holidays]():
		return "string or list of strings"
	}
	switch k := t.Kind(); k {
	case reflect.Slice:
		return strings.Replace("list of "+docTypeOf(t.Elem())+"s", "PromQLs", "PromQL", 1)
	case reflect.Struct, reflect.Pointer:
		return "section"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	}
	return "string"
}

func (f field) docDefault(v reflect.Value) string {
	switch inner, _ := f.inner(); {
	case f.required:
		return "required"
	case f.fallback != "":
		return "the value of `" + f.fallback + "`"
	case f.typ == reflect.TypeFor[LeadTime]():
		return "`" + show(v.Interface().(LeadTime).Default) + "`"
	case v.Kind() == reflect.Pointer, v.IsZero() && (v.Kind() == reflect.String || v.Kind() == reflect.Slice):
		return "absent"
	case f.typ == reflect.TypeFor[ScrapeConfigs]():
		return "absent"
	case f.omitted && v.IsZero() && v.Kind() == reflect.Float64:
		return "absent"
	case inner != nil, v.Kind() == reflect.Struct:
		return "see below"
	}
	return "`" + docValue(v) + "`"
}

func docValue(v reflect.Value) string {
	if d, ok := reflect.TypeAssert[model.Duration](v); ok {
		return show(d)
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = docValue(v.Index(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// meaning returns a field's comment without the Go name that it begins with.
func meaning(goName, comment string) string {
	rest := strings.TrimPrefix(comment, goName+" ")
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	if rest == "" {
		return ""
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// parseComments returns the comment of each type under its name and of each field under TYPE.FIELD, each as
// one line.
func parseComments(sources ...string) (map[string]string, error) {
	comments := map[string]string{}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), "types.go", source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read comments of the configuration: %w", err)
		}
		addComments(comments, file)
	}
	return comments, nil
}

func addComments(comments map[string]string, file *ast.File) {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		comments[spec.Name.Name] = oneLine(gen.Doc)
		if s, isStruct := spec.Type.(*ast.StructType); isStruct {
			for _, f := range s.Fields.List {
				comments[spec.Name.Name+"."+f.Names[0].Name] = oneLine(f.Doc)
			}
		}
	}
}

// oneLine returns the first paragraph of a comment.
func oneLine(c *ast.CommentGroup) string {
	first, _, _ := strings.Cut(c.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}
