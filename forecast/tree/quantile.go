package tree

// quantileOf returns the quantile at p of a, linear between the order statistics at (n-1)p (Hyndman and Fan 1996, type 7), which is what
// other implementations of boosting take. It reorders a, which is not empty.
func quantileOf(a []int32, p float64) float64 {
	x := p * float64(len(a)-1)
	k := int(x)
	low := selectAt(a, k)
	if x == float64(k) {
		return float64(low)
	}
	next := a[k+1]
	for _, v := range a[k+2:] {
		next = min(next, v)
	}
	return float64(low) + (x-float64(k))*(float64(next)-float64(low))
}

// selectAt returns the value of rank k in a, counted from zero, and moves the smaller ones before it and the larger ones behind.
func selectAt(a []int32, k int) int32 {
	from, to := 0, len(a)
	for to-from > 1 {
		pivot := median(a[from], a[(from+to)/2], a[to-1])
		mid := from + below(a[from:to], pivot)
		if k < mid {
			to = mid
			continue
		}
		equal := mid + upTo(a[mid:to], pivot)
		if k < equal {
			return pivot
		}
		from = equal
	}
	return a[k]
}

// below moves the values less than pivot to the front, without a branch that depends on a value, and returns their number.
func below(a []int32, pivot int32) int {
	n := 0
	for i, v := range a {
		a[i] = a[n]
		a[n] = v
		n += int(uint64(int64(v)-int64(pivot)) >> 63)
	}
	return n
}

// upTo moves the values not greater than pivot to the front and returns their number.
func upTo(a []int32, pivot int32) int {
	n := 0
	for i, v := range a {
		a[i] = a[n]
		a[n] = v
		n += 1 - int(uint64(int64(pivot)-int64(v))>>63)
	}
	return n
}

// median returns the middle one of three values.
func median(a, b, c int32) int32 { return max(min(a, b), min(max(a, b), c)) }
