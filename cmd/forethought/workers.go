package main

import (
	"runtime"
	"sync"
)

// inOrder runs work(0..n-1), at most so many at a time, and calls done with each result in the order of the numbers, on the caller's
// goroutine. Each run has a thread for itself, so that the processor time of the thread is that of the work. Results wait for those
// before them in bounded number.
func inOrder[T any](n, workers int, work func(i int) T, done func(i int, result T)) {
	slots := make(chan struct{}, workers)
	waiting := make(chan chan T, 64*workers)
	var running sync.WaitGroup
	go func() {
		defer close(waiting)
		for i := range n {
			result := make(chan T, 1)
			waiting <- result
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				result <- work(i)
			})
		}
	}()
	i := 0
	for result := range waiting {
		done(i, <-result)
		i++
	}
	running.Wait()
}
