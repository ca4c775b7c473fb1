package migrate

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
)

// event says something about a node, or about a pod that leaves one, in the cluster.
func (p *pass) event(about, related runtime.Object, kind, reason, action, note string) {
	if len(note) > mostNote {
		note = strings.ToValidUTF8(note[:mostNote-3], "") + "..."
	}
	p.o.Events.Eventf(about, related, kind, reason, action, "%s", note)
}

// mostNote is what the API server takes as the note of an event, in bytes: k8s.io/kubernetes, pkg/apis/core/validation, NoteLengthLimit.
const mostNote = 1024

// quiet is the least time between two lines of the same kind about the same thing.
const quiet = time.Minute

// may reports whether a line may be logged, and notes that it is.
func (p *pass) may(about string) bool {
	for key, at := range p.said {
		if p.at.Sub(at) >= quiet {
			delete(p.said, key)
		}
	}
	if _, recent := p.said[about]; recent {
		return false
	}
	p.said[about] = p.at
	return true
}

// warn logs what holds a stage of a migration up, unless it is that the process resigned or ends. The node is empty where it is none in
// particular.
func (p *pass) warn(ctx context.Context, stage, node string, err error) {
	if errors.Is(err, errResigned) || errors.Is(ctx.Err(), context.Canceled) || !p.may(stage+node) {
		return
	}
	p.o.Log.Warn("migration is held up", "stage", stage, "node", node, "err", err)
}
