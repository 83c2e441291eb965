package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// catalogueService implements pb.CatalogueServiceServer.
type catalogueService struct {
	pb.UnimplementedCatalogueServiceServer
	*Services
}

// listed answers with a page of a shelf.
func listed[E proto.Message](ctx context.Context, s *Services, of *shelf[E], r shelfRequest) (*shelfPage[E], error) {
	p, err := of.page(r)
	if err != nil {
		return nil, s.statusOf(err)
	}
	sendETag(ctx, of.tag)
	return p, nil
}

// taken answers with an entry of a shelf.
func taken[E proto.Message](ctx context.Context, s *Services, of *shelf[E], id string) (none E, _ error) {
	e, err := of.find(id)
	if err != nil {
		return none, s.statusOf(err)
	}
	sendETag(ctx, e.tag)
	return e.value, nil
}

// ListExecutors lists all executors.
func (c *catalogueService) ListExecutors(ctx context.Context, r *pb.ListExecutorsRequest) (*pb.ListExecutorsResponse, error) {
	p, err := listed(ctx, c.Services, c.catalogue.executors, r)
	if err != nil {
		return nil, err
	}
	return &pb.ListExecutorsResponse{Executors: p.values, NextPageToken: p.next, TotalSize: p.total}, nil
}

// GetExecutor returns an executor.
func (c *catalogueService) GetExecutor(ctx context.Context, r *pb.GetExecutorRequest) (*pb.GetExecutorResponse, error) {
	d, err := taken(ctx, c.Services, c.catalogue.executors, r.GetExecutor())
	if err != nil {
		return nil, err
	}
	return &pb.GetExecutorResponse{Document: d}, nil
}

// ListConditions lists all conditions.
func (c *catalogueService) ListConditions(ctx context.Context, r *pb.ListConditionsRequest) (*pb.ListConditionsResponse, error) {
	p, err := listed(ctx, c.Services, c.catalogue.conditions, r)
	if err != nil {
		return nil, err
	}
	return &pb.ListConditionsResponse{Conditions: p.values, NextPageToken: p.next, TotalSize: p.total}, nil
}

// GetCondition returns a condition.
func (c *catalogueService) GetCondition(ctx context.Context, r *pb.GetConditionRequest) (*pb.GetConditionResponse, error) {
	d, err := taken(ctx, c.Services, c.catalogue.conditions, r.GetCondition())
	if err != nil {
		return nil, err
	}
	return &pb.GetConditionResponse{Document: d}, nil
}

// ListEvents lists all events.
func (c *catalogueService) ListEvents(ctx context.Context, r *pb.ListEventsRequest) (*pb.ListEventsResponse, error) {
	p, err := listed(ctx, c.Services, c.catalogue.events, r)
	if err != nil {
		return nil, err
	}
	return &pb.ListEventsResponse{Events: p.values, NextPageToken: p.next, TotalSize: p.total}, nil
}

// GetEvent returns an event.
func (c *catalogueService) GetEvent(ctx context.Context, r *pb.GetEventRequest) (*pb.GetEventResponse, error) {
	d, err := taken(ctx, c.Services, c.catalogue.events, r.GetEvent())
	if err != nil {
		return nil, err
	}
	return &pb.GetEventResponse{Document: d}, nil
}

// ListCatalogueProfiles lists all built-in profiles.
func (c *catalogueService) ListCatalogueProfiles(ctx context.Context, r *pb.ListCatalogueProfilesRequest) (*pb.ListCatalogueProfilesResponse, error) {
	p, err := listed(ctx, c.Services, c.catalogue.profiles, r)
	if err != nil {
		return nil, err
	}
	return &pb.ListCatalogueProfilesResponse{Profiles: p.values, NextPageToken: p.next, TotalSize: p.total}, nil
}

// GetCatalogueProfile returns a built-in profile.
func (c *catalogueService) GetCatalogueProfile(ctx context.Context, r *pb.GetCatalogueProfileRequest) (*pb.GetCatalogueProfileResponse, error) {
	d, err := taken(ctx, c.Services, c.catalogue.profiles, r.GetProfile())
	if err != nil {
		return nil, err
	}
	return &pb.GetCatalogueProfileResponse{Document: d}, nil
}
