package auth

// MaxThrottled is the greatest number of keys of a throttle.
const MaxThrottled = maxThrottled

// Size is the number of keys of a throttle.
func Size(t *Throttle) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.keys)
}

// MaxReported is the number of sources that a reporter tells apart.
const MaxReported = maxReported
