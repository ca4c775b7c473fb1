package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// writeFlags writes FLAGS.md: every command with its flags, as the binary knows them.
func writeFlags(w io.Writer, app *kingpin.Application) error {
	model := app.Model()
	var b strings.Builder
	b.WriteString("# Flags\n\nWritten by `forethought flags`; do not edit.\n\n")
	b.WriteString(model.Help + "\n\n## All commands\n\n")
	writeFlagTable(&b, model.Flags)
	for _, cmd := range model.FlattenedCommands() {
		if cmd.Hidden {
			continue
		}
		fmt.Fprintf(&b, "\n## forethought %s\n\n%s\n\n", cmd.FullCommand, cmd.Help)
		for _, arg := range cmd.Args {
			fmt.Fprintf(&b, "- `%s`: %s\n", strings.ToUpper(arg.Name), arg.Help)
		}
		if len(cmd.Args) > 0 {
			b.WriteString("\n")
		}
		writeFlagTable(&b, cmd.Flags)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFlagTable(b *strings.Builder, flags []*kingpin.FlagModel) {
	b.WriteString("| flag | default | what it does |\n| --- | --- | --- |\n")
	for _, f := range flags {
		if f.Hidden || strings.HasPrefix(f.Name, "completion-") {
			continue
		}
		def := strings.Join(f.Default, ", ")
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(b, "| `--%s` | %s | %s |\n", f.Name, def, strings.ReplaceAll(f.Help, "|", "\\|"))
	}
}
