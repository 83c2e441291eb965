package pdp

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Audited is what policies under audit say of a request. The answer is silent
// about it: it is for the log (contract of decisions, 2.3.5). The messages are
// nobody else's, except that an explained answer's trace shares them. One may be
// used again for another evaluation.
type Audited struct {
	// Findings in policy, profile, executor order.
	Findings []*pb.Finding
	// Mutations that the policies would ask for, in order.
	Mutations []*pb.Mutation
}

// Reset forgets everything and keeps the room. A nil one has nothing to forget.
func (a *Audited) Reset() {
	if a == nil {
		return
	}
	clear(a.Findings[:cap(a.Findings)])
	clear(a.Mutations[:cap(a.Mutations)])
	a.cut(0, 0)
}

func (a *Audited) finding(f *pb.Finding) {
	if a != nil {
		a.Findings = append(a.Findings, f)
	}
}

func (a *Audited) mutation(m *pb.Mutation) {
	if a != nil {
		a.Mutations = append(a.Mutations, m)
	}
}

func (a *Audited) lengths() (findings, mutations int) {
	if a == nil {
		return 0, 0
	}
	return len(a.Findings), len(a.Mutations)
}

// cut takes back what came after.
func (a *Audited) cut(findings, mutations int) {
	if a != nil {
		a.Findings, a.Mutations = a.Findings[:findings], a.Mutations[:mutations]
	}
}
