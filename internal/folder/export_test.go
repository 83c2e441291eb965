package folder

import "context"

// Poll looks once, as the ticker makes the store do.
func (s *Store) Poll(ctx context.Context) { s.poll(ctx) }
