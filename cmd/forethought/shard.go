package main

import (
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
)

// shard is one of several processes that share the fleets of one configuration. Its zero value is all of them.
type shard struct{ index, of int }

// Set reads I/N, as in 1/3, for kingpin.
func (s *shard) Set(text string) error {
	var index, of int
	var rest string
	n, _ := fmt.Sscanf(text+" ", "%d/%d%s", &index, &of, &rest)
	if n != 2 || of < 1 || index < 1 || index > of {
		return fmt.Errorf("%q is no shard, want I/N with I from 1 to N, such as 1/3", text)
	}
	s.index, s.of = index, of
	return nil
}

// String is the inverse of Set, empty for all fleets.
func (s *shard) String() string {
	if s.of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.index, s.of)
}

func shardFlag(cmd *kingpin.CmdClause, s *shard) {
	cmd.Flag("shard", "Decide about a part of the fleets only, I/N with I from 1 to N: those that a hash of their names gives to this process. "+
		"All processes of a set have the same configuration.").SetValue(s)
}

// mine returns the configuration with the fleets of this shard only.
func (a *app) mine(c *config.Config) *config.Config {
	if a.shard.of <= 1 {
		return c
	}
	own := *c
	own.Fleets = slices.DeleteFunc(slices.Clone(c.Fleets), func(f config.Fleet) bool {
		return !loop.InShard(f.Name, a.shard.index-1, a.shard.of)
	})
	return &own
}
