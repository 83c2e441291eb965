package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// deviceEntry is a device authorization (RFC 8628). It does not change; the
// store replaces it.
type deviceEntry struct {
	userCode string
	state    op.DeviceAuthorizationState
}

func (e *deviceEntry) copyState() *op.DeviceAuthorizationState {
	state := e.state
	state.Scopes, state.Audience, state.AMR = slices.Clone(state.Scopes), slices.Clone(state.Audience), slices.Clone(state.AMR)
	return &state
}

// StoreDeviceAuthorization implements op.DeviceAuthorizationStorage.
func (s *Store) StoreDeviceAuthorization(_ context.Context, clientID, deviceCode, userCode string, expires time.Time, scopes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.userCodes.get(s.now(), userCode); taken {
		return op.ErrDuplicateUserCode
	}
	e := &deviceEntry{userCode: userCode, state: op.DeviceAuthorizationState{ClientID: clientID, Scopes: scopes, Expires: expires}}
	key := digestOf(deviceCode)
	// A little longer, so that a late poll hears expired_token (RFC 8628 section 3.5).
	if s.devices.put(s.now(), key, e, expires.Add(time.Minute)) != nil || s.userCodes.put(s.now(), userCode, key, expires) != nil {
		return errBusy()
	}
	return nil
}

// GetDeviceAuthorizatonState implements op.DeviceAuthorizationStorage.
func (s *Store) GetDeviceAuthorizatonState(_ context.Context, clientID, deviceCode string) (*op.DeviceAuthorizationState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.devices.get(s.now(), digestOf(deviceCode))
	if !ok || e.state.ClientID != clientID {
		return nil, errDevice()
	}
	return e.copyState(), nil
}

// RedeemDevice returns an approved device authorization, once.
func (s *Store) RedeemDevice(clientID, deviceCode string) (*op.DeviceAuthorizationState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := digestOf(deviceCode)
	e, ok := s.devices.get(s.now(), key)
	if !ok || e.state.ClientID != clientID || !e.state.Done || e.state.Denied {
		return nil, errDevice()
	}
	s.devices.drop(key)
	return e.copyState(), nil
}

// DeviceClient tells which client waits behind a user code, and for what.
func (s *Store) DeviceClient(userCode string) (clientID string, scopes []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, e, ok := s.waiting(userCode)
	if !ok {
		return "", nil, false
	}
	return e.state.ClientID, slices.Clone(e.state.Scopes), true
}

// AnswerDevice signs a user in for a device and approves or denies it.
func (s *Store) AnswerDevice(userCode, username, password string, approve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, e, ok := s.waiting(userCode)
	u, known := s.authenticate(username, password)
	if !ok || !known {
		return errLogin
	}
	next := *e
	next.state = *e.copyState()
	next.state.Denied = !approve
	if approve {
		next.state.Done, next.state.Subject, next.state.AMR, next.state.AuthTime = true, u.ID, []string{"pwd"}, s.now()
	}
	s.userCodes.drop(e.userCode)
	return s.devices.put(s.now(), key, &next, e.state.Expires.Add(time.Minute))
}

// waiting finds an unanswered device by its user code, however it was typed.
// The lock is held.
func (s *Store) waiting(userCode string) (digest, *deviceEntry, bool) {
	key, ok := s.userCodes.get(s.now(), strings.ToUpper(strings.TrimSpace(userCode)))
	if !ok {
		return digest{}, nil, false
	}
	e, ok := s.devices.get(s.now(), key)
	return key, e, ok
}

func errDevice() *oidc.Error {
	return oidc.ErrInvalidGrant().WithDescription("device code is unknown, expired or used")
}
