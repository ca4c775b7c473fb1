// Command build builds the components of the end-to-end tests that are not there yet, all of them or those it is given, and prints the
// path of each and the time that those built together took.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = components.Names()
	}
	for _, name := range names {
		if _, err := components.Version(name); err != nil {
			return err
		}
	}
	began := time.Now()
	for _, group := range components.Groups(names) {
		start := time.Now()
		paths, err := components.Build(ctx, group...)
		if err != nil {
			return err
		}
		for _, name := range group {
			fmt.Println(paths[name])
		}
		fmt.Printf("%8.1f s for %d components\n", time.Since(start).Seconds(), len(group))
	}
	fmt.Printf("%8.1f s in all\n", time.Since(began).Seconds())
	return nil
}
