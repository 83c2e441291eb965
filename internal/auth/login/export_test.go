package login

// Fast makes hashes cheap.
func Fast(o Options) Options {
	o.rounds = 1
	return o
}

// Limits of the package.
const (
	MaxBody     = maxBody
	MaxSessions = maxSessions
	MaxPassword = maxPassword
	MaxUsers    = maxUsers
)

// MaxWaiting bounds the passwords that wait for their hash.
const MaxWaiting = maxWaiting

// Hold keeps passwords from being hashed until it is released.
func Hold(s *Server) (release func()) {
	s.passwords.turn <- struct{}{}
	return func() { <-s.passwords.turn }
}

// Rounds of the hash.
const Rounds = rounds
