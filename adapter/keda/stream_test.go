package keda

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/pool"
)

// sent is a stream to a client that keeps what it is sent.
type sent[M any] struct {
	grpc.ServerStream
	ctx      context.Context
	messages []string
}

func (s *sent[M]) Context() context.Context { return s.ctx }

func (s *sent[M]) Send(m *M) error {
	s.messages = append(s.messages, text(m))
	return nil
}

// text writes a message down. How messages write themselves is not fixed.
func text(m any) string {
	switch m := m.(type) {
	case *pb.IsActiveResponse:
		return strconv.FormatBool(m.GetResult())
	case *pb.GetMetricSpecResponse:
		all := make([]string, 0, 1)
		for _, spec := range m.GetMetricSpecs() {
			all = append(all, fmt.Sprint(spec.GetMetricName(), " ", spec.GetTargetSize(), " ", spec.GetTargetSizeFloat()))
		}
		return strings.Join(all, ", ")
	default:
		return fmt.Sprintf("%T", m)
	}
}

// stream is one StreamIsActive in a bubble, which moves beat by beat.
type stream struct {
	scaler scaler
	board  *board
	clock  *clock
	out    *sent[pb.IsActiveResponse]
	cancel context.CancelFunc
	ended  chan error
}

func openStream(t *testing.T, b *board, metadata ...string) *stream {
	t.Helper()
	s := &stream{board: b, clock: newClock(at), ended: make(chan error, 1)}
	s.scaler = scaler{board: b, now: s.clock.now, pulse: newPulse()}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	s.out = &sent[pb.IsActiveResponse]{ctx: ctx}
	go func() { s.ended <- s.scaler.StreamIsActive(ref(metadata...), s.out) }()
	synctest.Wait()
	return s
}

// beats lets that many beats go by.
func (s *stream) beats(n int) {
	for range n {
		s.scaler.pulse.beat()
		synctest.Wait()
	}
}

// said returns what was sent since the last time.
func (s *stream) said() []string {
	messages := s.out.messages
	s.out.messages = nil
	return messages
}

func (s *stream) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := s.said(); !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

const active, inactive = "true", "false"

func TestStreamSaysWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, boardOf(snapshot("web")), "fleet", "web", "activationValue", "9")
		s.expect(t, active) // at once
		s.beats(3)
		s.expect(t)
		s.board.set(planned("web", 4, 1))
		s.expect(t)
		s.beats(1)
		s.expect(t, inactive)
		s.beats(3 * repeatBeats) // nobody waits for being told again
		s.expect(t)
		s.board.set(planned("web", 40, 1))
		s.beats(1)
		s.expect(t, active)
		s.beats(repeatBeats - 1)
		s.expect(t)
		s.beats(1)
		s.expect(t, active)
		s.beats(repeatBeats)
		s.expect(t, active)
		s.cancel()
		if err := <-s.ended; status.Code(err) != codes.Canceled {
			t.Errorf("a cancelled stream ends with %v", err)
		}
	})
}

func TestStreamHoldsWithoutValidDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, boardOf(snapshot("web")), "fleet", "web")
		s.expect(t, active)
		s.clock.set(at.Add(time.Hour))
		s.beats(3 * repeatBeats)
		s.expect(t)
		broken := snapshot("web")
		broken.Decision = pool.Decision{}
		s.board.set(broken)
		s.beats(1)
		s.expect(t)
		broken = planned("web", -5, 0) // not a number to publish
		broken.Decision.ValidUntil = at.Add(2 * time.Hour)
		s.board.set(broken)
		s.beats(1)
		s.expect(t)

		again := planned("web", 0, 0) // valid once more, and nothing needed
		again.Decision.ValidUntil = at.Add(2 * time.Hour)
		s.board.set(again)
		s.beats(1)
		s.expect(t, inactive)
		s.scaler.pulse.stop()
		if err := <-s.ended; err != nil {
			t.Errorf("a stream that the server ends has %v", err)
		}
	})
}

func TestStreamThatOpensWithoutDecisionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, boardOf(pool.Snapshot{Fleet: "web", State: pool.Starting}), "fleet", "web")
		s.beats(5)
		s.expect(t)
		s.board.set(snapshot("web"))
		s.beats(1)
		s.expect(t, active)
		s.scaler.pulse.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

func TestStreamOfWhatIsNotThereEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, boardOf(snapshot("web")), "fleet", "shop")
		if err := <-s.ended; status.Code(err) != codes.InvalidArgument {
			t.Errorf("the stream of an unknown fleet ends with %v", err)
		}
		s = openStream(t, boardOf(snapshot("web")), "fleet", "web", "app", "x")
		if err := <-s.ended; status.Code(err) != codes.InvalidArgument {
			t.Errorf("the stream of an unknown key ends with %v", err)
		}
		s = openStream(t, boardOf(snapshot("web")), "fleet", "web")
		s.board.set(snapshot("batch")) // the configuration has changed
		s.beats(1)
		if err := <-s.ended; status.Code(err) != codes.InvalidArgument {
			t.Errorf("the stream of a fleet that is gone ends with %v", err)
		}
	})
}

func TestOldStreamsEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStream(t, boardOf(planned("web", 0, 0)), "fleet", "web")
		s.beats(streamBeats)
		select {
		case err := <-s.ended:
			t.Fatalf("ended after %d beats: %v", streamBeats, err)
		default:
		}
		s.beats(streamBeats / 2)
		select {
		case err := <-s.ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		default:
			t.Errorf("still open after %d beats", streamBeats*3/2)
		}
	})
}

// A connection that ends by age leaves its streams the time to end by themselves.
func TestConnectionsOutliveTheirStreams(t *testing.T) {
	if longest := streamBeats * 3 / 2 * beat; connectionGrace <= longest {
		t.Errorf("streams last up to %s and connections only %s after their age", longest, connectionGrace)
	}
}

func TestStreamOfSpecsSaysThemOnceAndLikeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaler{pulse: newPulse()}
		r := ref("fleet", "web", "value", "demand", "target", "16")
		out := &sent[pb.GetMetricSpecResponse]{ctx: t.Context()}
		ended := make(chan error, 1)
		go func() { ended <- s.StreamMetricSpec(r, out) }()
		synctest.Wait()
		asked, err := s.GetMetricSpec(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			s.pulse.beat()
			synctest.Wait()
		}
		if want := []string{text(asked)}; !slices.Equal(out.messages, want) {
			t.Errorf("streamed %q, want %q", out.messages, want)
		}
		s.pulse.stop()
		if err = <-ended; err != nil {
			t.Error(err)
		}
		if err = s.StreamMetricSpec(ref("fleet", "web", "value", "demand"), out); status.Code(err) != codes.InvalidArgument {
			t.Errorf("without a target: %v", err)
		}
	})
}
