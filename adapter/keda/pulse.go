package keda

import (
	"context"
	"math/rand/v2"
	"sync"

	"google.golang.org/grpc/status"
)

const (
	// repeatBeats is after how many beats a stream says again that its trigger is active. KEDA drops what it is told before it knows the
	// metrics of a new ScaledObject, or while the API server does not answer.
	repeatBeats = 30
	// A stream lasts from streamBeats to nearly one and a half times as many. Its client takes the end for an orderly one and opens the next
	// two seconds later, on a newer connection where there is one.
	streamBeats = 600
)

// pulse wakes all open streams at once, beat by beat.
type pulse struct {
	mu      sync.Mutex
	next    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

func newPulse() *pulse { return &pulse{next: make(chan struct{}), stopped: make(chan struct{})} }

// beat wakes those who wait.
func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.next)
	p.next = make(chan struct{})
}

// coming returns what the next beat closes.
func (p *pulse) coming() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// stop ends all streams.
func (p *pulse) stop() { p.once.Do(func() { close(p.stopped) }) }

// follow calls look now and with each beat, with how many beats there were since, until look returns an error, the caller is gone, the
// stream is old or the server stops. The last two are an orderly end, nil, after which KEDA does not wait longer each time that it comes
// back.
func (p *pulse) follow(ctx context.Context, look func(beats int) error) error {
	last := streamBeats + rand.IntN(streamBeats/2)
	for beats := 0; beats <= last; beats++ {
		coming := p.coming() // before the look, so that no beat is missed
		if err := look(beats); err != nil {
			return err
		}
		select {
		case <-coming:
		case <-p.stopped:
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	return nil
}
