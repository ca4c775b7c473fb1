package readback

import "log/slog"

// disagree is the kind of sighting that exporters of a fleet disagree.
const disagree = "disagreement"

// sighting counts what one read found that an operator should know, by kind: a reason for which decisions are left out, or disagree.
type sighting map[string]*tally

// tally is how many fleets something is seen of, with the first of them.
type tally struct {
	fleets     int
	first, why string
}

func (s sighting) add(kind, fleet, why string) {
	if s[kind] == nil {
		s[kind] = &tally{first: fleet, why: why}
	}
	s[kind].fleets++
}

// said remembers what the log has been told of, so that it is told once for as long as it lasts.
type said map[string]bool

// tell logs what is seen and was not seen by the read before.
func (s *said) tell(log *slog.Logger, seen sighting) {
	before := *s
	*s = said{}
	for kind, t := range seen {
		(*s)[kind] = true
		if before[kind] {
			continue
		}
		found := log.With("fleets", t.fleets, "first", t.first, "why", t.why)
		if kind == disagree {
			found.Warn("exporters disagree")
		} else {
			found.Warn("exported decisions are left out", "reason", kind)
		}
	}
}

// count counts what was found of one fleet.
func (r *Reader) count(fleet string, c chosen, seen sighting) {
	for _, l := range c.left {
		r.metrics.ignored.WithLabelValues(l.reason).Inc()
		if l.reason != expired { // which is an exporter that stands still, as its fleet's state says
			seen.add(l.reason, fleet, l.name+": "+l.why)
		}
	}
	differ := 0.0
	if c.disagreement != "" {
		differ = 1
		seen.add(disagree, fleet, c.disagreement)
	}
	r.metrics.disagreement.WithLabelValues(fleet).Set(differ)
}
