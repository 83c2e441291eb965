package pdp

import "errors"

// Ask puts a question to an endpoint that an executor's configuration names: it
// posts a JSON body and returns status and body of the answer. It must bound time
// and size, follow no redirect and be safe for concurrent use.
type Ask func(endpoint string, question []byte) (status int, answer []byte, err error)

// ErrOffline tells that an executor needs to ask over the network and must not:
// replay, simulation and tests run without. It makes a fault.
var ErrOffline = errors.New("undecided offline: the executor asks an endpoint")

// Ask puts a question to an endpoint; see [Ask]. Nothing else in an evaluation
// leaves the process.
func (r *Request) Ask(endpoint string, question []byte) (status int, answer []byte, err error) {
	if r.ask == nil {
		return 0, nil, ErrOffline
	}
	return r.ask(endpoint, question)
}
