package kube

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// trusted is how long what was read last counts as how the cluster stands while nothing can be read.
const trusted = 2 * time.Minute

// stream keeps up with one kind of objects, and knows for how long it could not. The reflector of client-go tells of broken watches only in
// part: a refused connection is retried without a word. So each list and each watch is looked at here.
type stream[T runtime.Object] struct {
	resource string
	health   *health
	list     func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch    func(context.Context, metav1.ListOptions) (watch.Interface, error)
	// labels and fields select among the objects, empty for all.
	labels, fields string
	// client is asked whether it can stream a list.
	client any
	// kind is an object of the kind.
	kind T
	// slim drops what is not needed of an object, in place.
	slim func(T)
	// put, remove and replace are told what the cluster has. They must not keep what they are given.
	put, remove func(T)
	replace     func([]T)
}

// run keeps up until ctx ends.
func (s *stream[T]) run(ctx context.Context, log *slog.Logger) {
	logger := quiet(log)
	source := &cache.ListWatch{ListWithContextFunc: s.look, WatchFuncWithContext: s.follow}
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(source, s.client), s.kind, s,
		cache.ReflectorOptions{Logger: &logger, Name: s.resource})
	r.RunWithContext(quietly(ctx, log))
}

// lists returns the List of a client of client-go.
func lists[L runtime.Object](client interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
},
) func(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) }
}

func (s *stream[T]) look(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	o.LabelSelector, o.FieldSelector = s.labels, s.fields
	list, err := s.list(ctx, o)
	if err != nil && ctx.Err() == nil {
		s.health.failed(err)
	}
	return list, err
}

func (s *stream[T]) follow(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.LabelSelector, o.FieldSelector = s.labels, s.fields
	w, err := s.watch(ctx, o)
	if err != nil {
		if ctx.Err() == nil {
			s.health.failed(err)
		}
		return nil, err
	}
	s.health.opened(ptr.Deref(o.SendInitialEvents, false))
	return &followed{Interface: w, stopped: s.health.closed}, nil
}

// followed is a watch that tells when it ends: whoever reads it stops it then, whatever the reason.
type followed struct {
	watch.Interface
	once    sync.Once
	stopped func()
}

// Stop ends the watch.
func (f *followed) Stop() {
	f.once.Do(f.stopped)
	f.Interface.Stop()
}

// Add is that of cache.ReflectorStore, as are the methods that follow.
func (s *stream[T]) Add(o any) error { return s.tell(o, s.put) }

// Update takes an object that changed.
func (s *stream[T]) Update(o any) error { return s.tell(o, s.put) }

// Delete takes an object as it was last.
func (s *stream[T]) Delete(o any) error { return s.tell(o, s.remove) }

func (s *stream[T]) tell(o any, what func(T)) error {
	v, ok := o.(T)
	if !ok {
		return fmt.Errorf("watch of %s: unexpected %T", s.resource, o)
	}
	what(v)
	return nil
}

// Replace takes all objects that there are.
func (s *stream[T]) Replace(all []any, _ string) error {
	list := make([]T, 0, len(all))
	for _, o := range all {
		if err := s.tell(o, func(v T) { list = append(list, v) }); err != nil {
			return err
		}
	}
	s.replace(list)
	s.health.replaced()
	return nil
}

// Resync does nothing, since nothing is left to be done later.
func (s *stream[T]) Resync() error { return nil }

// Transformer slims what a reflector holds until it has all objects, of which there may be many.
func (s *stream[T]) Transformer() cache.TransformFunc {
	return func(o any) (any, error) {
		if v, ok := o.(T); ok {
			s.slim(v)
		}
		return o, nil
	}
}
