package loop

import "hash/fnv"

// InShard reports whether a fleet belongs to shard i of n, which count from 0. It depends on the name alone, so that processes which have
// never met agree: each fleet is in exactly one of n shards, and with one shard more only about one fleet in n+1 changes its shard, which
// is then the new one. No fleet is in a shard below 0 or beyond the last.
func InShard(fleet string, i, n int) bool {
	return n > 0 && i == shardOf(fleet, n)
}

// shardOf is the jump consistent hash of Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014), of the name's FNV-1a
// hash. The generator's multiplier is theirs.
func shardOf(fleet string, n int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(fleet)) // a hash never fails
	key := h.Sum64()
	shard, next := int64(-1), int64(0)
	for next < int64(n) {
		shard = next
		key = key*2862933555777941757 + 1
		next = int64(float64(shard+1) * (float64(int64(1)<<31) / float64((key>>33)+1)))
	}
	return int(shard)
}
