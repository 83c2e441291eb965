package service

import (
	"context"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
)

// serverService implements pb.ServerServiceServer.
type serverService struct {
	pb.UnimplementedServerServiceServer
	*Services
}

// features are the names of what this version can do.
func features() []string {
	return []string{"batch-evaluate", "catalogue", "explain", "patch", "policy-set", "revisions", "validate-only", "watch"}
}

// featuresOf are those of a server with these options, sorted.
func featuresOf(o Options) []string {
	list := append(features(), o.Features...)
	if o.Decisions != nil {
		list = append(list, "decision-log")
	}
	if o.ReadOnly != "" {
		list = append(list, "read-only")
	}
	slices.Sort(list)
	return list
}

// about is what GetServer tells besides realms.
type about struct {
	version, storage, securityProfile string
	features                          []string
	limits                            *pb.Limits
}

func newAbout(o Options) about {
	return about{
		version: o.Version, storage: o.StorageName, securityProfile: o.Security.Name,
		features: featuresOf(o),
		limits: &pb.Limits{
			DecisionMessageBytes: int64(o.Limits.DecisionMessageBytes), DocumentBytes: int64(o.Limits.DocumentBytes),
			BatchItems: int32(o.Limits.BatchItems), StringBytes: int32(o.Limits.StringBytes),
			Depth: int32(o.Limits.Depth), RedirectUris: int32(o.Limits.RedirectURIs),
		},
	}
}

// GetServer tells what the server is and which realms the caller may see.
func (s *serverService) GetServer(ctx context.Context, _ *pb.GetServerRequest) (*pb.GetServerResponse, error) {
	a := &s.about
	out := &pb.GetServerResponse{
		Version: a.version, Features: a.features, Limits: a.limits, Storage: a.storage, SecurityProfile: a.securityProfile,
	}
	for _, snap := range s.visible(ctx) {
		out.Realms = append(out.Realms, &pb.RealmRevision{
			Realm: snap.realm, Revision: snap.meta.Revision, Faulty: snap.fault != nil,
		})
	}
	return out, nil
}

// visible returns the realms that the caller may read, by name; none when nobody
// is known to call.
func (s *Services) visible(ctx context.Context) []*snapshot {
	p := auth.FromContext(ctx)
	if p == nil {
		return nil
	}
	var list []*snapshot
	for _, snap := range s.realms.all() {
		if p.Role(snap.realm) >= auth.Viewer {
			list = append(list, snap)
		}
	}
	return list
}
