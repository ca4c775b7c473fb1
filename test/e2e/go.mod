module github.com/forethought-autoscaler/forethought/test/e2e

go 1.26.0
