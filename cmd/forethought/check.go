package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/config"
)

func checkCommand(check *kingpin.CmdClause) command {
	cmd := check.Command("config", "Check a configuration as a reload would.")
	file := cmd.Arg("file", "The configuration.").Required().String()
	return func(_ context.Context, stdout, _ io.Writer) error {
		c, err := config.Load(*file, checks())
		if err != nil {
			return err
		}
		if err = checkOutside(c); err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
		pools, acting := 0, 0
		for _, f := range c.Fleets {
			pools += len(f.Pools)
			if f.Policy.Mode == "act" {
				acting++
			}
		}
		for _, hint := range c.Hints() {
			fmt.Fprintln(stdout, "hint:", hint)
		}
		fmt.Fprintf(stdout, "%s is valid: %d fleets (%d of them act) with %d pools\n", *file, len(c.Fleets), acting, pools)
		return nil
	}
}
